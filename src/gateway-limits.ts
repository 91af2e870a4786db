import { addressOf } from './auth/failed-attempts.js';
import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import { PushLimits } from './limits/push-limits.js';
import { RateLimit } from './limits/rate-limit.js';
import { RouteLimits } from './limits/route-limits.js';
import type { RateLimitFigures } from './metrics/rate-limit-figures.js';
import { RateLimited } from './routes/options/rate-limited.js';
import type { Route } from './session/route.js';

/** The rate limits of the configuration, and the routes that they are for. */
export class GatewayLimits {
  readonly #config: Config['rateLimits'];
  readonly #clock: Clock;
  readonly #limits: readonly RateLimit[];

  constructor({ rateLimits, session }: Pick<Config, 'rateLimits' | 'session'>, clock: Clock) {
    this.#config = rateLimits;
    this.#clock = clock;
    this.#limits = Object.entries(rateLimits).map(([name, limit]) => {
      // Who closes meanwhile, and gets no further for a resume window, would be ended.
      const maxDelay = limit.maxDelay < session.resumeWindow ? limit.maxDelay : session.resumeWindow / 2;
      return new RateLimit(name, { ...limit, maxDelay }, Math.random);
    });
  }

  /** The route behind its limits; itself where it has none, so that they cost nothing there. */
  around(name: string, route: Route): Route {
    const limits = this.#limits.filter((limit) => isFor(this.#config[limit.name]?.routes ?? [], name));
    if (limits.length === 0) return route;
    const clock = this.#clock;
    return new RateLimited(route, {
      limits: new RouteLimits({ route: name, limits, clock }),
      clock,
      addressOf,
    });
  }

  /** What pushes have to keep. */
  ofPushes(): PushLimits {
    const limits = this.#limits.filter(({ name }) => this.#config[name]?.routes.length === 0);
    return new PushLimits({ limits, clock: this.#clock, addressOf });
  }

  get figures(): readonly RateLimitFigures[] {
    return this.#limits.map(({ name, config, counters, keys, shared }) => ({
      limit: name,
      allowed: counters.allowed,
      delayed: counters.delayed,
      refused: counters.refused,
      delayedMs: counters.delayedMs,
      waiting: counters.waiting,
      keys,
      maxKeys: config.maxKeys,
      shared,
    }));
  }
}

function isFor(routes: readonly string[], name: string): boolean {
  return routes.length === 0 || routes.includes(name);
}
