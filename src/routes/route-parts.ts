import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Route } from '../session/route.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import type { Middleware } from './middleware/middleware.js';
import type { TopicRouteParts } from './topic.js';

/** What routes are made with. */
export interface RouteParts extends TopicRouteParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** By the names of the configuration. */
  readonly upstreams: ReadonlyMap<string, UpstreamPool>;
  /** 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  /** Around each configured route of this name, outermost first. */
  readonly middleware: (name: string) => readonly Middleware[];
  /** A route by its name, once all are made: what a dead letter names. */
  readonly find: (name: string) => Route | undefined;
}
