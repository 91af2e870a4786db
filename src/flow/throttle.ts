/** A rate of 0 is no limit. */
export interface ThrottleRates {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * A token bucket: `ratePerSecond` tokens flow in, at most one second's worth
 * (and at least one) is kept. What is taken may go below zero, by the last
 * message taken: it is paid back before the next.
 */
export class TokenBucket {
  readonly ratePerSecond: number;
  readonly #burst: number;
  #tokens: number;
  #refilledAt: number;

  constructor(ratePerSecond: number, now: number) {
    this.ratePerSecond = ratePerSecond;
    this.#burst = Math.max(1, ratePerSecond);
    this.#tokens = this.#burst;
    this.#refilledAt = now;
  }

  /** Tokens there are now; negative while a debt is being paid. */
  available(now: number): number {
    const elapsedMs = now - this.#refilledAt;
    if (elapsedMs > 0) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.ratePerSecond) / 1000);
      this.#refilledAt = now;
    }
    return this.#tokens;
  }

  take(tokens: number): void {
    this.#tokens -= tokens;
  }

  /** Milliseconds until at least `tokens` are there. */
  waitMs(tokens: number, now: number): number {
    const missing = Math.min(tokens, this.#burst) - this.available(now);
    return missing <= 0 ? 0 : (missing * 1000) / this.ratePerSecond;
  }
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
    this.#messages = rates.messagesPerSecond > 0 ? new TokenBucket(rates.messagesPerSecond, now) : undefined;
    this.#bytes = rates.bytesPerSecond > 0 ? new TokenBucket(rates.bytesPerSecond, now) : undefined;
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
    this.#messages?.take(messages);
    this.#bytes?.take(bytes);
  }

  /** How long until something may go again, in milliseconds; 0 when it may now. */
  waitMs(now: number): number {
    return Math.max(this.#messages?.waitMs(1, now) ?? 0, this.#bytes?.waitMs(SOME_BYTES, now) ?? 0);
  }
}
