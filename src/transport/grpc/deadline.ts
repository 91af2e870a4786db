import { type Clock, MAX_TIMER_MS, type Timer } from '../../core/clock.js';

/** A timer for as long as a client may ask: grpc-timeout reaches 11,000 years, a platform timer 24 days. */
export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;
  readonly #onPassed: () => void;
  #timer: Timer;

  constructor(clock: Clock, afterMs: number, onPassed: () => void) {
    this.#clock = clock;
    this.#atMs = clock.now() + afterMs;
    this.#onPassed = onPassed;
    this.#timer = this.#arm();
  }

  /** Idempotent; also safe after it has passed. */
  cancel(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    const leftMs = Math.max(0, this.#atMs - this.#clock.now());
    if (leftMs <= MAX_TIMER_MS) return this.#clock.setTimeout(this.#onPassed, leftMs);
    return this.#clock.setTimeout(() => {
      this.#timer = this.#arm();
    }, MAX_TIMER_MS);
  }
}
