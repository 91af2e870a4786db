import type { Rate, RateLimiter } from './rate-limiter.js';

/** A rate, and how much may wait for it; 0: nothing. */
export interface QueueRate extends Rate {
  readonly queue: number;
}

/**
 * A leaky bucket as a queue: what comes leaves at a constant rate, one after
 * another, and never two at once. A turn that comes late is not caught up.
 */
export class LeakyBucket implements RateLimiter {
  readonly #rate: QueueRate;
  /** What has been taken and would not have left yet, at the rate. */
  #level = 0;
  #drainedAt: number;

  /** Begins empty. Buckets of one kind share their `rate`. */
  constructor(rate: QueueRate, now: number) {
    this.#rate = rate;
    this.#drainedAt = now;
  }

  /** So long waits the last in a full queue. */
  get maxWaitMs(): number {
    const { queue, perMs, amount } = this.#rate;
    return (queue * perMs) / amount;
  }

  waitMs(now: number, _cost = 1): number {
    const { perMs, amount } = this.#rate;
    return (this.#drained(now) * perMs) / amount;
  }

  take(now: number, cost: number): number {
    const waitMs = this.waitMs(now);
    this.#level += cost;
    return waitMs;
  }

  remaining(now: number): number {
    return this.#drained(now) > 0 ? 0 : 1;
  }

  resetMs(now: number): number {
    return this.waitMs(now);
  }

  #drained(now: number): number {
    const elapsedMs = now - this.#drainedAt;
    if (elapsedMs > 0) {
      const { amount, perMs } = this.#rate;
      this.#level = Math.max(0, this.#level - (elapsedMs * amount) / perMs);
      this.#drainedAt = now;
    }
    return this.#level;
  }
}
