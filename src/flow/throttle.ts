import { TokenBucket } from './token-bucket.js';

/** A rate of 0 is no limit. */
export interface ThrottleRates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Something may go once the budget holds a whole byte; the message sent then may pass it. */
const SOME_BYTES = 1;

/**
 * The throttle before each send: a rate in messages and one in bytes, for one
 * connection. Pure: told the time, it says how much may go now.
 */
export class Throttle {
  readonly rates: ThrottleRates;
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;

  constructor(rates: ThrottleRates, now: number) {
    this.rates = rates;
    this.#messages = bucketOf(rates.messagesPerSecond, now);
    this.#bytes = bucketOf(rates.bytesPerSecond, now);
  }

  /** Whether the next send has to wait. */
  shouldThrottle(now: number): boolean {
    return this.messageBudget(now) < 1 || this.byteBudget(now) < SOME_BYTES;
  }

  messageBudget(now: number): number {
    return this.#messages === undefined ? Infinity : Math.floor(this.#messages.available(now));
  }

  byteBudget(now: number): number {
    return this.#bytes === undefined ? Infinity : this.#bytes.available(now);
  }

  /** Notes what was sent. */
  spend(messages: number, bytes: number): void {
    this.#messages?.spend(messages);
    this.#bytes?.spend(bytes);
  }

  /** How long until something may go again, in milliseconds; 0 when it may now. */
  waitMs(now: number): number {
    return Math.max(this.#messages?.waitMs(now, 1) ?? 0, this.#bytes?.waitMs(now, SOME_BYTES) ?? 0);
  }
}

/** At most one second's worth, and at least one, goes at once. */
function bucketOf(perSecond: number, now: number): TokenBucket | undefined {
  if (perSecond <= 0) return undefined;
  return new TokenBucket({ amount: perSecond, perMs: 1_000, burst: Math.max(1, perSecond) }, now);
}
