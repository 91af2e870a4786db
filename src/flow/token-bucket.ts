import type { Rate, RateLimiter } from './rate-limiter.js';

/** A rate, and how much may go at once after a rest; at least 1. */
export interface BurstRate extends Rate {
  readonly burst: number;
}

/**
 * A token bucket: tokens flow in at the rate, at most a burst of them is kept.
 * What is taken may bring it below zero: that is paid back before the next.
 * In any time t at most `burst + t * amount / perMs` goes, one cost above the
 * burst aside.
 */
export class TokenBucket implements RateLimiter {
  readonly #rate: BurstRate;
  #tokens: number;
  #refilledAt: number;

  /** Begins full. Buckets of one kind share their `rate`. */
  constructor(rate: BurstRate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#refilledAt = now;
  }

  get maxWaitMs(): number {
    return Infinity;
  }

  /** Tokens there are now; negative while a debt is being paid. */
  available(now: number): number {
    const elapsedMs = now - this.#refilledAt;
    if (elapsedMs > 0) {
      const { amount, perMs, burst } = this.#rate;
      this.#tokens = Math.min(burst, this.#tokens + (elapsedMs * amount) / perMs);
      this.#refilledAt = now;
    }
    return this.#tokens;
  }

  /** Takes without a word about waiting, at the time last told. */
  spend(tokens: number): void {
    this.#tokens -= tokens;
  }

  waitMs(now: number, cost: number): number {
    const { amount, perMs, burst } = this.#rate;
    const missing = Math.min(cost, burst) - this.available(now);
    return missing <= 0 ? 0 : (missing * perMs) / amount;
  }

  take(now: number, cost: number): number {
    const waitMs = this.waitMs(now, cost);
    this.#tokens -= cost;
    return waitMs;
  }

  remaining(now: number): number {
    return Math.max(0, Math.floor(this.available(now)));
  }

  resetMs(now: number): number {
    const { amount, perMs, burst } = this.#rate;
    return ((burst - this.available(now)) * perMs) / amount;
  }
}
