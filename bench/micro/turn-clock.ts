import { SystemClock } from '../../src/core/clock.js';

/** Real time, but for the turns: those are run here, so that a measured call is one piece. */
export class TurnClock extends SystemClock {
  #callbacks: (() => void)[] = [];
  override readonly setImmediate = (callback: () => void): void => void this.#callbacks.push(callback);

  runImmediates(): void {
    while (this.#callbacks.length > 0) {
      const turn = this.#callbacks;
      this.#callbacks = [];
      for (const callback of turn) callback();
    }
  }
}
