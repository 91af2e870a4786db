import type { Overflow } from '../../session/overflow.js';
import type {
  Published,
  TopicPublication,
  TopicRoute,
  TopicRouteCounters,
  TopicRouteLevels,
  TopicStart,
  TopicSubscriber,
  TopicSubscription,
} from '../../session/topic-route.js';

/** The topics of a route, with a look at each publication that comes by no session. */
export class LimitedTopic implements TopicRoute {
  readonly #inner: TopicRoute;
  readonly #check: (publication: TopicPublication) => void;

  /** `check` throws what refuses a publication. */
  constructor(inner: TopicRoute, check: (publication: TopicPublication) => void) {
    this.#inner = inner;
    this.#check = check;
  }

  get overflow(): Overflow {
    return this.#inner.overflow;
  }

  get allowedOverflow(): readonly Overflow[] {
    return this.#inner.allowedOverflow;
  }

  get levels(): TopicRouteLevels {
    return this.#inner.levels;
  }

  get counters(): TopicRouteCounters {
    return this.#inner.counters;
  }

  publish(subject: string, publication: TopicPublication): Published | Promise<Published> {
    this.#check(publication);
    return this.#inner.publish(subject, publication);
  }

  subscribe(subject: string, start: TopicStart, subscriber: TopicSubscriber): TopicSubscription {
    return this.#inner.subscribe(subject, start, subscriber);
  }
}
