import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { RateFigures } from '../core/rate-figures.js';
import type { RateLimit, RateUnit, Sender } from './rate-limit.js';

/** Timers tell no less apart: who would wait for less goes at once. The turn is taken all the same, so the rate holds. */
const LEAST_WAIT_MS = 1;

/** No route has this name. */
const NO_ROUTE = '';

/** One limit holds it back for longest. */
export interface Hold {
  readonly waitMs: number;
  readonly limit: RateLimit;
}

export interface RouteLimitsOptions {
  /** Undefined: of pushes, which go to none. */
  readonly route: string | undefined;
  readonly limits: readonly RateLimit[];
  readonly clock: Clock;
}

/** Who sends, and their keys with each limit of the route, in the limits' order. */
export interface Keys {
  readonly sender: Sender;
  readonly messages: readonly string[];
  readonly opens: readonly string[];
}

/**
 * The limits of one route together: what one of them refuses, none of the
 * others has counted; what may go has been counted by all.
 */
export class RouteLimits {
  readonly #route: string | undefined;
  readonly #clock: Clock;
  readonly #messages: readonly RateLimit[];
  readonly #opens: readonly RateLimit[];

  constructor({ route, limits, clock }: RouteLimitsOptions) {
    this.#route = route;
    this.#clock = clock;
    this.#messages = limits.filter(({ limitsMessages }) => limitsMessages);
    this.#opens = limits.filter(({ limitsOpens }) => limitsOpens);
  }

  get limitsMessages(): boolean {
    return this.#messages.length > 0;
  }

  keysOf(sender: Sender): Keys {
    const keys = (limits: readonly RateLimit[]): readonly string[] =>
      limits.map((limit) => limit.keyOf(sender, this.#route ?? NO_ROUTE));
    return { sender, messages: keys(this.#messages), opens: keys(this.#opens) };
  }

  /** Undefined: it goes at once; else its turn is when it has waited. Throws RATE_LIMITED for one that may not wait so long. */
  admit(all: Keys, bytes: number, who: 'session' | 'call'): Hold | undefined {
    const limits = this.#messages;
    const { messages: keys } = all;
    const now = this.#clock.now();
    let longestMs = 0;
    let longest: RateLimit | undefined;
    for (let i = 0; i < limits.length; i += 1) {
      const limit = limits[i] as RateLimit;
      const waitMs = limit.messageWaitMs(keys[i] ?? '', bytes, now);
      if (waitMs < LEAST_WAIT_MS) continue;
      const mayWait = mayWaitMs(limit, who);
      if (waitMs > mayWait)
        throw this.#refusedMessage(all, limit, limit.retryMs(keys[i] ?? '', bytes, now, mayWait));
      if (waitMs > longestMs) {
        longestMs = waitMs;
        longest = limit;
      }
    }
    for (let i = 0; i < limits.length; i += 1) {
      const limit = limits[i] as RateLimit;
      limit.takeMessage(keys[i] ?? '', bytes, now);
      if (limit !== longest) limit.counters.allowed += 1;
    }
    if (longest === undefined) return undefined;
    longest.counters.delayed += 1;
    longest.counters.delayedMs += longestMs;
    return { waitMs: longestMs, limit: longest };
  }

  /** Throws RATE_LIMITED where more was opened than may be. */
  admitOpen(all: Keys): void {
    const limits = this.#opens;
    const { opens: keys } = all;
    if (limits.length === 0) return;
    const now = this.#clock.now();
    for (const [i, limit] of limits.entries()) {
      const waitMs = limit.openWaitMs(keys[i] ?? '', now);
      if (waitMs >= LEAST_WAIT_MS) throw this.#refusedOpen(all, limit, waitMs);
    }
    for (const [i, limit] of limits.entries()) {
      limit.takeOpen(keys[i] ?? '', now);
      limit.counters.allowed += 1;
    }
  }

  /** How they stand with each limit now. */
  figures({ messages: keys }: Keys): readonly RateFigures[] {
    const now = this.#clock.now();
    return this.#messages.flatMap((limit, i) => limit.figures('messages', keys[i] ?? '', now));
  }

  #refusedMessage({ sender, messages: keys }: Keys, limit: RateLimit, retryMs: number): SluiceError {
    limit.counters.refused += 1;
    const now = this.#clock.now();
    const rates = this.#messages.flatMap((each, i) => each.figures('messages', keys[i] ?? '', now));
    return this.#error(limit, sender, ['messages', 'bytes'], retryMs, rates);
  }

  #refusedOpen({ sender, opens: keys }: Keys, limit: RateLimit, retryMs: number): SluiceError {
    limit.counters.refused += 1;
    const now = this.#clock.now();
    const rates = this.#opens.flatMap((each, i) => each.figures('opens', keys[i] ?? '', now));
    return this.#error(limit, sender, ['opens'], retryMs, rates);
  }

  #error(
    limit: RateLimit,
    sender: Sender,
    units: readonly RateUnit[],
    retryMs: number,
    rates: readonly RateFigures[],
  ): SluiceError {
    const { name, config } = limit;
    const counted = units.filter((unit) => config[unit] > 0);
    const amounts = counted.map((unit) => `${config[unit]} ${unit}`).join(' and ');
    const settings = counted.map((unit) => `rateLimits.${name}.${unit}`).join(', ');
    const retryAfterMs = Math.max(1, Math.ceil(retryMs));
    return new SluiceError(
      'RATE_LIMITED',
      `${whoIs(limit, sender, this.#route)} over rate limit "${name}", ${amounts} in ${config.per} ms (${settings}): try again in ${retryAfterMs} ms`,
      { retryAfterMs, rates },
    );
  }
}

/** How long what goes over the limit may be held. */
function mayWaitMs({ config }: RateLimit, who: 'session' | 'call'): number {
  if (config.over === 'refuse') return 0;
  return who === 'call' ? config.callDelay : config.maxDelay;
}

function whoIs(
  { config: { by } }: RateLimit,
  { clientId, address }: Sender,
  route: string | undefined,
): string {
  const parts = {
    client: `client "${clientId}"`,
    address: `address ${address}`,
    route: route === undefined ? 'what is pushed' : `route "${route}"`,
  };
  return by.length === 0 ? 'all together are' : `${by.map((part) => parts[part]).join(' with ')} is`;
}
