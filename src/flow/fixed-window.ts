import type { Rate, RateLimiter } from './rate-limiter.js';

/**
 * A fixed window: the first to come opens one, in it goes so much, the rest
 * waits for the next, which begins where it ends. Around the border of two as
 * much as both hold may go at once.
 */
export class FixedWindow implements RateLimiter {
  readonly #rate: Rate;
  /** Of the last window that something was taken in: not yet come where that waits. */
  #startsAt: number;
  /** In that window; above its amount what later ones pay back. */
  #used = 0;

  /** Windows of one kind share their `rate`. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#startsAt = now;
  }

  get maxWaitMs(): number {
    return Infinity;
  }

  waitMs(now: number, cost: number): number {
    this.#roll(now);
    return Math.max(0, this.#startsAt + this.#windowsAhead(cost) * this.#rate.perMs - now);
  }

  take(now: number, cost: number): number {
    this.#roll(now);
    const ahead = this.#windowsAhead(cost);
    this.#startsAt += ahead * this.#rate.perMs;
    this.#used = Math.max(0, this.#used - ahead * this.#rate.amount) + cost;
    return Math.max(0, this.#startsAt - now);
  }

  remaining(now: number): number {
    this.#roll(now);
    return this.#startsAt > now ? 0 : Math.max(0, Math.floor(this.#rate.amount - this.#used));
  }

  resetMs(now: number): number {
    this.#roll(now);
    const { amount, perMs } = this.#rate;
    return this.#used === 0 ? 0 : Math.max(0, this.#startsAt + Math.ceil(this.#used / amount) * perMs - now);
  }

  /** Leaves the windows behind that are over. */
  #roll(now: number): void {
    const { amount, perMs } = this.#rate;
    const passed = Math.floor((now - this.#startsAt) / perMs);
    if (passed > 0) {
      this.#startsAt += passed * perMs;
      this.#used = Math.max(0, this.#used - passed * amount);
    }
    // Nothing is in it: it begins with the next to come.
    if (this.#used === 0) this.#startsAt = Math.max(this.#startsAt, now);
  }

  /** In how many windows after the last there is room for it; anything fits into an empty one. */
  #windowsAhead(cost: number): number {
    const { amount } = this.#rate;
    const over = this.#used - Math.max(0, amount - cost);
    return over <= 0 ? 0 : Math.ceil(over / amount);
  }
}
