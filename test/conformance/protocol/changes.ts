import { SystemClock } from '../../../src/core/clock.js';
import { Timeout } from './target.js';

const clock = new SystemClock();

/** Waiting, in real time, for what others change. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Something has changed: whoever waits looks again. */
  readonly happened = (): void => {
    for (const look of [...this.#waiting]) look();
  };

  async until<T>(condition: () => T | undefined, what: () => string, patienceMs: number): Promise<T> {
    const deadline = clock.now() + patienceMs;
    for (;;) {
      const found = condition();
      if (found !== undefined) return found;
      const leftMs = deadline - clock.now();
      if (leftMs <= 0) throw new Timeout(what());
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          timer.cancel();
          resolve();
        };
        const timer = clock.setTimeout(look, leftMs);
        this.#waiting.add(look);
      });
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
}
