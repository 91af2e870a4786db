import type { Clock } from '../core/clock.js';
import type { RateFigures } from '../core/rate-figures.js';
import { untilItsTurn } from './held-call.js';
import type { RateLimit } from './rate-limit.js';
import { RouteLimits } from './route-limits.js';

export interface PushLimitsOptions {
  /** Those that are for every route: a push goes to none, and passes what protects one of them. */
  readonly limits: readonly RateLimit[];
  readonly clock: Clock;
  /** What of a peer is told apart: its address without the port. */
  readonly addressOf: (peer: string) => string;
}

/** The rate limits before pushes, which they pass as calls of Publish do: the rate is that of who pushes, not of whom it is for. */
export class PushLimits {
  readonly #limits: RouteLimits;
  readonly #options: PushLimitsOptions;

  constructor(options: PushLimitsOptions) {
    this.#options = options;
    const { limits, clock } = options;
    this.#limits = new RouteLimits({ route: undefined, limits, clock });
  }

  /**
   * Resolves when a push may go, with how its caller stands then. Rejects with
   * RATE_LIMITED, or with the signal's reason once nobody waits for it any more.
   */
  async admit(
    { clientId, peer }: { readonly clientId: string; readonly peer: string },
    bytes: number,
    signal: AbortSignal,
  ): Promise<readonly RateFigures[]> {
    if (!this.#limits.limitsMessages) return [];
    const { clock, addressOf } = this.#options;
    const keys = this.#limits.keysOf({ clientId, address: addressOf(peer) });
    const hold = this.#limits.admit(keys, bytes, 'call');
    if (hold !== undefined) await untilItsTurn(hold, clock, signal);
    return this.#limits.figures(keys);
  }
}
