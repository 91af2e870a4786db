import type { Clock } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import type { Load } from '../../flow/window.js';
import type {
  Published,
  TopicMessage,
  TopicPublication,
  TopicStart,
  TopicSubscriber,
} from '../../session/topic-route.js';
import type { Presence, PresenceFollower } from '../contract.js';
import { topicMessage } from '../topic-message.js';
import type { IdempotencyKeys, KeyOwner } from './idempotency-keys.js';
import { MemorySubscription, type SubscriptionOwner } from './memory-subscription.js';
import { PublishHold } from './publish-hold.js';
import { PublishLine, type PublishLineLimits } from './publish-line.js';
import { type HistoryShelf, TopicHistory } from './topic-history.js';
import { TopicPresence } from './topic-presence.js';

/** What a topic needs of the store that holds it. */
export interface TopicHost {
  readonly clock: Clock;
  readonly shelf: HistoryShelf;
  readonly keys: IdempotencyKeys;
  readonly maxSubscribers: number;
  /** How long a subscriber may hold a publisher. */
  readonly sendTimeoutMs: number;
  readonly line: PublishLineLimits;
  readonly waiting: Load;
  readonly presence: boolean;
  readonly counters: HostCounters;
  /** Subscribers of all topics. */
  subscribers: number;
  /** It may have nothing left to hold. */
  settle(topic: MemoryTopic): void;
}

/** Who holds a message, until when. */
type Held = readonly [MemorySubscription, Promise<void>];

interface HostCounters {
  published: number;
  publishedBytes: number;
  duplicates: number;
  delivered: number;
  held: number;
  tooSlow: number;
  subscribersRefused: number;
  publishesRefused: number;
}

/**
 * One topic. A message is pushed to each subscriber once, in one loop; the next
 * one only when that loop is over and nobody holds it. So all see one order,
 * whatever they do from within.
 */
export class MemoryTopic implements SubscriptionOwner, KeyOwner {
  readonly subject: string;
  /** Idempotency keys that are known of it. */
  keys = 0;
  readonly #host: TopicHost;
  readonly #history: TopicHistory;
  readonly #subscriptions = new Set<MemorySubscription>();
  #presence: TopicPresence | undefined;
  #line: PublishLine | undefined;
  /** A message is being delivered, or held: what is published meanwhile waits in line. */
  #busy = false;
  #last: number;

  /** `last`: no message has it; the first has the next. */
  constructor(subject: string, last: number, host: TopicHost) {
    this.subject = subject;
    this.#last = last;
    this.#host = host;
    this.#history = new TopicHistory(() => {
      host.settle(this);
    });
  }

  /** The sequence of its last message, or where it began. */
  get last(): number {
    return this.#last;
  }

  /** Whether nothing would be lost if there were no such topic. */
  get isIdle(): boolean {
    if (this.#busy || this.#subscriptions.size > 0 || this.keys > 0) return false;
    return this.#history.count === 0 && (this.#presence === undefined || this.#presence.isEmpty);
  }

  publish(publication: TopicPublication): Published | Promise<Published> {
    if (this.#busy) {
      try {
        this.#line ??= new PublishLine(this.#host.line, this.#host.waiting);
        return this.#line.add(publication);
      } catch (error) {
        this.#host.counters.publishesRefused += 1;
        throw error;
      }
    }
    const published = this.#publish(publication);
    this.#publishWaiting();
    return published;
  }

  subscribe(start: TopicStart, subscriber: TopicSubscriber): MemorySubscription {
    const { maxSubscribers, line, counters } = this.#host;
    if (this.#subscriptions.size >= maxSubscribers) {
      counters.subscribersRefused += 1;
      throw new SluiceError(
        'TOPIC_LIMIT',
        `the topic has ${maxSubscribers} subscribers already (${line.settings}.maxSubscribers)`,
      );
    }
    if (start.afterSequence > this.#last) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `position ${start.afterSequence} is above ${this.#last}, the last of the topic: begin with its history, or ` +
          'with what comes from now on',
      );
    }
    const subscription = new MemorySubscription(this, subscriber, this.#last);
    this.#subscriptions.add(subscription);
    this.#host.subscribers += 1;
    if (this.#host.presence && subscriber.clientId !== undefined)
      (this.#presence ??= new TopicPresence()).join(subscriber.clientId);
    if (start.afterSequence > 0 || start.history > 0) this.#replay(start, subscription);
    return subscription;
  }

  leave(subscription: MemorySubscription): void {
    const { clientId } = subscription.subscriber;
    if (!this.#subscriptions.delete(subscription)) return;
    this.#host.subscribers -= 1;
    if (clientId !== undefined) this.#presence?.leave(clientId);
    this.#host.settle(this);
  }

  presence(limit: number): Presence {
    return this.#presence?.list(limit) ?? { clients: [], count: 0 };
  }

  followPresence(follower: PresenceFollower): () => void {
    const presence = (this.#presence ??= new TopicPresence());
    presence.follow(follower);
    return () => {
      presence.unfollow(follower);
      this.#host.settle(this);
    };
  }

  onKeysOver(): void {
    this.#host.settle(this);
  }

  /** For good: nobody is followed by anything any more. */
  stop(error: SluiceError): void {
    // First: what waits is not to be published any more when nobody is left who holds it up.
    for (let next = this.#line?.shift(); next !== undefined; next = this.#line?.shift()) next.failed(error);
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #publish(publication: TopicPublication): Published | Promise<Published> {
    const { keys, clock, counters, shelf } = this.#host;
    const hasKey = publication.idempotencyKey !== undefined && publication.idempotencyKey !== '';
    const known = hasKey ? keys.find(this.subject, publication) : undefined;
    if (known !== undefined) {
      counters.duplicates += 1;
      return { sequence: known.sequence, subscribers: known.subscribers, duplicate: true };
    }
    const message = topicMessage(publication, this.#last + 1, clock.wallNow());
    const nowMs = clock.now();
    this.#last = message.sequence;
    counters.published += 1;
    counters.publishedBytes += message.data.byteLength;
    shelf.add(this.#history, message, nowMs);
    const held: Held[] = [];
    const subscribers = this.#deliver(message, publication.except, held);
    const published = { sequence: message.sequence, subscribers, duplicate: false };
    if (hasKey) keys.add(this, publication, published, nowMs);
    const hold = held.length === 0 ? undefined : this.#holdFor(held);
    if (hold !== undefined) return hold.then(() => published);
    this.#busy = false;
    return published;
  }

  /** Gives it to everybody, and returns to how many; who holds it is added to `held`. */
  #deliver(message: TopicMessage, except: TopicSubscriber | undefined, held: Held[]): number {
    const { sequence } = message;
    let reached = 0;
    this.#busy = true;
    // Who joins from within has it from the history, or not at all: its position says so.
    for (const subscription of this.#subscriptions) {
      if (subscription.position >= sequence) continue;
      subscription.position = sequence;
      if (subscription.subscriber === except) continue;
      reached += 1;
      const taken = this.#give(subscription, message);
      if (taken !== undefined) held.push([subscription, taken]);
    }
    this.#host.counters.delivered += reached;
    return reached;
  }

  #give(subscription: MemorySubscription, message: TopicMessage): undefined | Promise<void> {
    try {
      return subscription.subscriber.deliver(message);
    } catch {
      // It may not throw; that it does is no fault of the others.
      subscription.close();
      return undefined;
    }
  }

  /** The topic is busy until nobody holds it. */
  #holdFor(held: readonly Held[]): undefined | Promise<void> {
    const { clock, sendTimeoutMs, counters } = this.#host;
    let resolve: () => void = () => undefined;
    const hold = new PublishHold<MemorySubscription>(() => {
      this.#busy = false;
      resolve();
      this.#publishWaiting();
      this.#host.settle(this);
    });
    for (const [subscription, taken] of held) if (!subscription.closed) hold.add(subscription, taken);
    if (hold.isOver) return undefined;
    counters.held += 1;
    hold.watch(clock, sendTimeoutMs, (subscription) => {
      counters.tooSlow += 1;
      subscription.close();
      subscription.subscriber.tooSlow?.();
    });
    return new Promise((over) => {
      resolve = over;
    });
  }

  #publishWaiting(): void {
    while (!this.#busy) {
      const next = this.#line?.shift();
      if (next === undefined) return;
      try {
        next.done(this.#publish(next.publication));
      } catch (error) {
        next.failed(error);
      }
    }
  }

  #replay({ afterSequence, history }: TopicStart, subscription: MemorySubscription): void {
    const { subscriber } = subscription;
    const nowMs = this.#host.clock.now();
    const wasBusy = this.#busy;
    const last = this.#last;
    // What is published from within comes after.
    this.#busy = true;
    const fromPosition = afterSequence > 0;
    const messages = fromPosition
      ? this.#history.after(afterSequence, nowMs)
      : this.#history.last(history, nowMs);
    let told = afterSequence;
    for (const message of messages) {
      if (subscription.closed) break;
      if (fromPosition && message.sequence > told + 1) subscriber.missed(told + 1, message.sequence - 1);
      told = message.sequence;
      this.#host.counters.delivered += 1;
      // Nobody publishes here who could be held.
      void this.#give(subscription, message);
    }
    if (fromPosition && told < last && !subscription.closed) subscriber.missed(told + 1, last);
    this.#busy = wasBusy;
    if (!wasBusy) this.#publishWaiting();
  }
}
