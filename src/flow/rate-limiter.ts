/** So much in so long a time. Costs are counted as `amount` is: in messages, in bytes. */
export interface Rate {
  /** At least 1. */
  readonly amount: number;
  /** Above 0. */
  readonly perMs: number;
}

/**
 * Says when something may go, so that a rate is kept: told the time, it has no
 * timers. What is taken has its turn for good, those that wait in the order in
 * which they took: a turn is never before the one given out last. Of one cost
 * beyond all that may go at once the rest is paid back before the next.
 * Times are Clock.now(), fractions included; one before the last is taken as
 * the last. No number it gives is negative or NaN.
 */
export interface RateLimiter {
  /** Whoever would wait for longer is to be refused. Infinity: none is, by the limiter itself. */
  readonly maxWaitMs: number;
  /** How long who came now would wait; 0: not at all. Takes nothing. */
  waitMs(now: number, cost: number): number;
  /** Takes, and returns how long to wait until it may go. Also beyond `maxWaitMs`: ask before. */
  take(now: number, cost: number): number;
  /** What may still go at once, rounded down. */
  remaining(now: number): number;
  /** Until everything taken is forgotten; 0: it is as new. */
  resetMs(now: number): number;
}
