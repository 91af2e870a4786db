import type { Overflow, Route } from '../../session/route.js';
import { LoadedMiddleware } from '../middleware/loaded-middleware.js';
import { withMiddleware } from '../middleware/middleware.js';
import { RouteCounters } from '../route-counters.js';
import type { RouteParts } from '../route-parts.js';
import { AcknowledgeReceived } from './acknowledge-received.js';
import { DeadLetterTarget, deadLetterPlace } from './dead-letter-target.js';
import { DeadLetters } from './dead-letter.js';
import { MaxMessageSize } from './max-message-size.js';
import { MaxSessions } from './max-sessions.js';
import { ConfiguredOverflow } from './overflow.js';
import { Retries } from './retries.js';
import { Timeout } from './timeout.js';

/** What every kind of route takes. Times in milliseconds, sizes in bytes; 0 and "" = off. */
export interface CommonConfig {
  /** `module`: as the module says. */
  readonly overflow?: Overflow | 'module';
  /** Empty: as the route decides. */
  readonly allowedOverflow?: readonly Overflow[];
  readonly maxSessions?: number;
  readonly maxMessageSize?: number;
  readonly timeout?: number;
  readonly acknowledge?: 'handled' | 'received';
  readonly retries?: number;
  readonly retryBackoff?: number;
  readonly retryMaxBackoff?: number;
  /** `route` or `route/subject`. */
  readonly deadLetter?: string;
  readonly deadLetterOutcome?: 'accepted' | 'failed';
  /** Paths of modules, outermost first. */
  readonly middleware?: readonly string[];
}

/**
 * The route with what is asked for around it, and nothing for what is not. From
 * the outside: sessions, size, acknowledgement, middleware, dead letter,
 * retries, timeout.
 */
export function withCommonOptions(
  name: string,
  route: Route,
  config: CommonConfig,
  parts: RouteParts,
): { readonly route: Route; readonly counters: RouteCounters } {
  const counters = new RouteCounters();
  const { clock, logger, random } = parts;
  const { overflow = 'block', allowedOverflow = [], maxSessions = 0, maxMessageSize = 0 } = config;
  const { timeout = 0, acknowledge = 'handled', retries = 0, retryBackoff = 0, retryMaxBackoff = 0 } = config;
  const { deadLetter = '', deadLetterOutcome: outcome = 'accepted', middleware = [] } = config;
  let made = route;
  if (overflow !== 'module' || allowedOverflow.length > 0) {
    made = new ConfiguredOverflow(
      made,
      overflow === 'module' ? undefined : overflow,
      allowedOverflow.length === 0 ? undefined : allowedOverflow,
    );
  }
  if (timeout > 0) made = new Timeout(made, { name, timeoutMs: timeout, clock, counters });
  if (retries > 0) {
    const backoff = { firstMs: retryBackoff, maxMs: retryMaxBackoff };
    made = new Retries(made, { retries, backoff, clock, random, counters });
  }
  if (deadLetter !== '') {
    const place = deadLetterPlace(deadLetter);
    const target = new DeadLetterTarget({
      place,
      source: name,
      find: parts.find,
      wallNow: () => clock.wallNow(),
    });
    made = new DeadLetters(made, { name, target, outcome, logger, counters });
  }
  if (middleware.length > 0) made = new LoadedMiddleware(made, { name, paths: middleware, clock });
  made = withMiddleware(made, parts.middleware(name), { name });
  if (acknowledge === 'received') made = new AcknowledgeReceived(made, { logger, counters });
  if (maxMessageSize > 0) made = new MaxMessageSize(made, { name, maxBytes: maxMessageSize, counters });
  if (maxSessions > 0) made = new MaxSessions(made, { name, max: maxSessions, counters });
  return { route: made, counters };
}
