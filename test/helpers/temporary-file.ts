import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file of its own folder, for one test to write, replace and remove. */
export class TemporaryFile implements Disposable {
  readonly path: string;
  readonly #folder: string;

  constructor(content: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sluice-file-'));
    this.path = join(this.#folder, 'file');
    this.write(content);
  }

  write(content: string): void {
    writeFileSync(this.path, content, { mode: 0o600 });
  }

  remove(): void {
    rmSync(this.path);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
