import type { Clock } from '../../core/clock.js';
import { untilItsTurn } from '../../limits/held-call.js';
import type { Hold, Keys, RouteLimits } from '../../limits/route-limits.js';
import type {
  Published,
  TopicPublication,
  TopicRoute,
  TopicStart,
  TopicSubscriber,
  TopicSubscription,
} from '../../session/topic-route.js';
import { weightOf } from '../../wire/messages.js';
import { LimitedTopic } from './limited-topic.js';

interface RateLimitedTopicOptions {
  readonly limits: RouteLimits;
  readonly clock: Clock;
  readonly addressOf: (peer: string) => string;
}

/**
 * The topics of a route, with its rate limits before what comes by calls:
 * Publish is refused over them, or held for as long as they say; Subscribe is an
 * opening. What sessions publish was looked at on its way to the route.
 */
export class RateLimitedTopic extends LimitedTopic {
  readonly #options: RateLimitedTopicOptions;

  constructor(inner: TopicRoute, options: RateLimitedTopicOptions) {
    super(inner, () => undefined);
    this.#options = options;
  }

  override publish(subject: string, publication: TopicPublication): Published | Promise<Published> {
    const { peer, from } = publication;
    // The gateway's own.
    if (peer === undefined || !this.#options.limits.limitsMessages)
      return super.publish(subject, publication);
    const keys = this.#keysOf(from, peer);
    const hold = this.#options.limits.admit(keys, weightOfPublication(publication), 'call');
    const publish = (): Published | Promise<Published> => super.publish(subject, publication);
    if (hold !== undefined) return this.#held(hold, keys, publication, publish);
    const published = publish();
    return published instanceof Promise
      ? published.then((done) => this.#withRates(done, keys))
      : this.#withRates(published, keys);
  }

  override subscribe(subject: string, start: TopicStart, subscriber: TopicSubscriber): TopicSubscription {
    const { caller } = subscriber;
    if (caller !== undefined) this.#options.limits.admitOpen(this.#keysOf(caller.clientId, caller.peer));
    return super.subscribe(subject, start, subscriber);
  }

  async #held(
    hold: Hold,
    keys: Keys,
    { signal = NEVER }: TopicPublication,
    publish: () => Published | Promise<Published>,
  ): Promise<Published> {
    await untilItsTurn(hold, this.#options.clock, signal);
    return this.#withRates(await publish(), keys);
  }

  #withRates(published: Published, keys: Keys): Published {
    return { ...published, rates: this.#options.limits.figures(keys) };
  }

  #keysOf(clientId: string, peer: string): Keys {
    return this.#options.limits.keysOf({ clientId, address: this.#options.addressOf(peer) });
  }
}

const NEVER = new AbortController().signal;

function weightOfPublication({ data, key = '', metadata }: TopicPublication): number {
  return weightOf({ data, key, metadata });
}
