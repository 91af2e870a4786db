import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of an example's own, which goes with it, however it ends. */
export class TemporaryFolder implements Disposable {
  readonly path: string;
  readonly #remove = (): void => {
    // A process that was told to end may still write to it.
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  };

  constructor(prefix: string) {
    this.path = mkdtempSync(join(tmpdir(), prefix));
    process.once('exit', this.#remove);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}
