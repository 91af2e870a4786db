import type { Clock, Timer } from '../core/clock.js';

/** Calls once, when nothing has been seen for so long. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #onIdle: () => void;
  #seenAtMs: number;
  #timer: Timer;

  constructor(clock: Clock, afterMs: number, onIdle: () => void) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#onIdle = onIdle;
    this.#seenAtMs = clock.now();
    this.#timer = clock.setTimeout(this.#look, afterMs);
  }

  seen(): void {
    this.#seenAtMs = this.#clock.now();
  }

  /** Idempotent. */
  stop(): void {
    this.#timer.cancel();
  }

  readonly #look = (): void => {
    const leftMs = this.#seenAtMs + this.#afterMs - this.#clock.now();
    if (leftMs <= 0) this.#onIdle();
    else this.#timer = this.#clock.setTimeout(this.#look, Math.ceil(leftMs));
  };
}
