import type { Clock, Timer } from '../core/clock.js';

/** To read large files again takes a while in which nobody is served: four times as long belongs to the others. */
const REST = 4;
/** Milliseconds; for files that are read in no time. */
const MIN_REST_MS = 10;

/** Answers a signal that may come as often as a script likes: the first at once, what comes soon after by one more. */
export class ReloadSignal {
  readonly #clock: Clock;
  readonly #reload: () => void;
  #rest: Timer | undefined;
  #again = false;

  constructor(clock: Clock, reload: () => void) {
    this.#clock = clock;
    this.#reload = reload;
  }

  on(): void {
    if (this.#rest !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    const startedAt = this.#clock.now();
    this.#reload();
    const restMs = Math.max(MIN_REST_MS, REST * (this.#clock.now() - startedAt));
    this.#rest = this.#clock.setTimeout(() => {
      this.#rest = undefined;
      if (this.#again) this.on();
    }, restMs);
  }

  /** What has not been answered will not be. */
  stop(): void {
    this.#rest?.cancel();
    this.#rest = undefined;
    this.#again = false;
  }
}
