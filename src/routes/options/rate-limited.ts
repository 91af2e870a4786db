import type { Clock } from '../../core/clock.js';
import { HeldMessages } from '../../limits/held-messages.js';
import type { Hold, Keys, RouteLimits } from '../../limits/route-limits.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { TopicRoute } from '../../session/topic-route.js';
import { type DataMessage, weightOf } from '../../wire/messages.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';
import { RateLimitedTopic } from './rate-limited-topic.js';

export interface RateLimitedOptions {
  readonly limits: RouteLimits;
  readonly clock: Clock;
  /** What of a peer is told apart: its address without the port. */
  readonly addressOf: (peer: string) => string;
}

/** Who waits for less is not told. */
const WORTH_TELLING_MS = 1_000;

/**
 * Keeps what goes to a route within its rate limits. A message over one waits:
 * it is not accepted meanwhile, so the window of its session, or the queue of
 * its connection, fills, and that holds its client. Or it fails, with
 * RATE_LIMITED. Sessions of the gateway itself (dead letters) are not held.
 */
export class RateLimited extends RouteWrapper {
  protected readonly inner: Route;
  readonly #options: RateLimitedOptions;
  #topic: RateLimitedTopic | undefined;

  constructor(inner: Route, options: RateLimitedOptions) {
    super();
    this.inner = inner;
    this.#options = options;
  }

  override get topic(): TopicRoute | undefined {
    const { topic } = this.inner;
    if (topic === undefined) return undefined;
    this.#topic ??= new RateLimitedTopic(topic, this.#options);
    return this.#topic;
  }

  /** Throws RATE_LIMITED where too much was opened. */
  open(session: RouteSession): RouteHandler {
    const { limits, clock } = this.#options;
    if (session.peer === undefined) return this.openInner(session);
    let peer = session.peer;
    let keys = this.#keysOf(session, peer);
    limits.admitOpen(keys);
    const handler = this.openInner(session);
    if (!limits.limitsMessages) return handler;
    const held = new HeldMessages(clock);
    let told = false;
    const tell = ({ waitMs, limit }: Hold): void => {
      if (told || waitMs < WORTH_TELLING_MS) return;
      told = true;
      session.adviseToWait?.(waitMs, `rate limit "${limit.name}": what is sent now waits`);
    };
    const handle = (message: DataMessage): void | Promise<void> => {
      if (session.peer !== peer) {
        // It goes on from elsewhere.
        peer = session.peer ?? peer;
        keys = this.#keysOf(session, peer);
      }
      const hold = limits.admit(keys, weightOf(message), 'session');
      if (hold === undefined && held.isEmpty) {
        told = false;
        return handler.handle(message);
      }
      const result = held.add(hold, () => handler.handle(message));
      if (hold !== undefined) tell(hold);
      return result;
    };
    return wrappedHandler(handler, handle, () => {
      held.drop(() => session.signal.reason);
    });
  }

  #keysOf({ clientId }: RouteSession, peer: string): Keys {
    return this.#options.limits.keysOf({ clientId, address: this.#options.addressOf(peer) });
  }
}
