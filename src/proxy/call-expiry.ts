import type { Clock, Timer } from '../core/clock.js';

/** Wall time may be set, and goes on while the machine sleeps and its timers do not: it is looked at so often. */
const LOOK_MS = 60_000;

/** Waits for a moment of wall time. */
export class CallExpiry {
  readonly #clock: Clock;
  readonly #atMs: number;
  readonly #onExpired: () => void;
  #timer: Timer | undefined;

  /** `atMs`: Unix milliseconds. */
  constructor(clock: Clock, atMs: number, onExpired: () => void) {
    this.#clock = clock;
    this.#atMs = atMs;
    this.#onExpired = onExpired;
    this.#arm();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const leftMs = Math.max(0, this.#atMs - this.#clock.wallNow());
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#clock.wallNow() >= this.#atMs) this.#onExpired();
        else this.#arm();
      },
      Math.min(LOOK_MS, leftMs),
    );
  }
}
