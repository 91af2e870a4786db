import type { TopicSubscriber, TopicSubscription } from '../../session/topic-route.js';
import type { PublishHold } from './publish-hold.js';

/** What a subscription needs of its topic. */
export interface SubscriptionOwner {
  leave(subscription: MemorySubscription): void;
}

/** One subscriber's place in a topic. */
export class MemorySubscription implements TopicSubscription {
  readonly subscriber: TopicSubscriber;
  readonly #owner: SubscriptionOwner;
  /** Set by the topic. */
  position: number;
  closed = false;
  /** The publication that it holds. */
  hold: PublishHold<MemorySubscription> | undefined;

  constructor(owner: SubscriptionOwner, subscriber: TopicSubscriber, position: number) {
    this.#owner = owner;
    this.subscriber = subscriber;
    this.position = position;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#owner.leave(this);
    this.hold?.release(this);
  }
}
