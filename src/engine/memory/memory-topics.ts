import type { Clock, Timer } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import { Load } from '../../flow/window.js';
import type {
  Published,
  TopicCounters,
  TopicLevels,
  TopicPublication,
  TopicStart,
  TopicSubscriber,
  TopicSubscription,
} from '../../session/topic-route.js';
import type { Presence, PresenceFollower, TopicStore } from '../contract.js';
import { checkPublication } from '../topic-message.js';
import { IdempotencyKeys, type IdempotencyLimits } from './idempotency-keys.js';
import { MemoryTopic, type TopicHost } from './memory-topic.js';
import { type HistoryLimits, HistoryShelf } from './topic-history.js';

export interface MemoryTopicsOptions {
  readonly clock: Clock;
  /** What their settings are named by: `routes.<name>`. */
  readonly settings: string;
  readonly history: HistoryLimits;
  readonly idempotency: IdempotencyLimits;
  readonly maxTopics: number;
  /** Of one topic. */
  readonly maxSubscribers: number;
  /** Of one topic: publications that wait behind one that is held. */
  readonly maxWaitingPublishes: number;
  readonly waitingPublishBytes: number;
  /** How long a subscriber under `block` may hold a publisher. */
  readonly sendTimeoutMs: number;
  /** Whether it is known who follows a topic. */
  readonly presence: boolean;
}

/** One sweep serves all that goes within so long: nothing comes late by it, for who asks sweeps first. */
const SWEEP_MS = 1_000;
/** How soon to try again where there are too many topics. */
const RETRY_MS = 5_000;

/**
 * The topics of one route, in memory. A topic is there from its first message
 * or subscriber on, and gone when it has no subscriber, no history and no
 * idempotency key any more. One timer serves all.
 */
export class MemoryTopics implements TopicStore {
  /**
   * The highest sequence that a topic which is gone had: a topic begins above
   * all that one of its name can have had, whatever the clock of the machine
   * says. Of the whole process, for a gateway may follow another in it.
   */
  static #floor = 0;
  readonly #options: MemoryTopicsOptions;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #shelf: HistoryShelf;
  readonly #keys: IdempotencyKeys;
  readonly #host: TopicHost;
  readonly #waiting = new Load();
  readonly #counters = {
    published: 0,
    publishedBytes: 0,
    duplicates: 0,
    delivered: 0,
    held: 0,
    tooSlow: 0,
    topicsRefused: 0,
    subscribersRefused: 0,
    publishesRefused: 0,
  };
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: MemoryTopicsOptions) {
    const { clock, settings, maxSubscribers, sendTimeoutMs, presence } = options;
    this.#options = options;
    this.#shelf = new HistoryShelf(options.history);
    this.#keys = new IdempotencyKeys(options.idempotency);
    this.#host = {
      clock,
      shelf: this.#shelf,
      keys: this.#keys,
      maxSubscribers,
      sendTimeoutMs,
      presence,
      line: { messages: options.maxWaitingPublishes, bytes: options.waitingPublishBytes, settings },
      waiting: this.#waiting,
      counters: this.#counters,
      subscribers: 0,
      settle: (topic) => {
        this.#settle(topic);
      },
    };
  }

  get levels(): TopicLevels {
    return {
      topics: this.#topics.size,
      subscribers: this.#host.subscribers,
      historyMessages: this.#shelf.messages,
      historyBytes: this.#shelf.bytes,
      idempotencyKeys: this.#keys.size,
      waitingPublishes: this.#waiting.messages,
      waitingPublishBytes: this.#waiting.bytes,
    };
  }

  get counters(): TopicCounters {
    return this.#counters;
  }

  publish(subject: string, publication: TopicPublication): Published | Promise<Published> {
    checkPublication(publication);
    const topic = this.#topicOf(subject);
    try {
      return topic.publish(publication);
    } finally {
      this.#settle(topic);
    }
  }

  subscribe(subject: string, start: TopicStart, subscriber: TopicSubscriber): TopicSubscription {
    const topic = this.#topicOf(subject);
    try {
      return topic.subscribe(start, subscriber);
    } finally {
      this.#settle(topic);
    }
  }

  presence(subject: string, limit: number): Presence {
    return this.#topics.get(subject)?.presence(limit) ?? { clients: [], count: 0 };
  }

  followPresence(subject: string, follower: PresenceFollower): () => void {
    return this.#topicOf(subject).followPresence(follower);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const topics = [...this.#topics.values()];
    const error = stoppedError();
    for (const topic of topics) topic.stop(error);
    for (const topic of topics) this.#forget(topic);
    this.#shelf.clear();
    this.#keys.clear();
  }

  #topicOf(subject: string): MemoryTopic {
    if (this.#stopped) throw stoppedError();
    const { clock, maxTopics, settings } = this.#options;
    this.#sweep(clock.now());
    const known = this.#topics.get(subject);
    if (known !== undefined) return known;
    if (this.#topics.size >= maxTopics) {
      this.#counters.topicsRefused += 1;
      throw new SluiceError(
        'TOPIC_LIMIT',
        `the route has ${maxTopics} topics already (${settings}.maxTopics): one that nobody follows is gone when its ` +
          `history and its idempotency keys are over (${settings}.historyAge, ${settings}.idempotencyAge)`,
        { retryAfterMs: RETRY_MS },
      );
    }
    // Unix microseconds: a position of before a restart is below.
    const last = Math.max(Math.floor(clock.wallNow() * 1_000), MemoryTopics.#floor);
    const topic = new MemoryTopic(subject, last, this.#host);
    this.#topics.set(subject, topic);
    return topic;
  }

  #settle(topic: MemoryTopic): void {
    if (topic.isIdle) this.#forget(topic);
    // Not by `publish` alone: what waited in line is published when nobody calls.
    this.#arm();
  }

  #forget(topic: MemoryTopic): void {
    if (this.#topics.get(topic.subject) !== topic) return;
    this.#topics.delete(topic.subject);
    // Above its last: what was there, and where one began that had no message.
    MemoryTopics.#floor = Math.max(MemoryTopics.#floor, topic.last + 1);
    if (this.#nextExpiryMs !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #nextExpiryMs(): number | undefined {
    const history = this.#shelf.nextExpiryMs;
    const keys = this.#keys.nextExpiryMs;
    if (history === undefined || keys === undefined) return history ?? keys;
    return Math.min(history, keys);
  }

  #sweep(nowMs: number): void {
    this.#shelf.expire(nowMs);
    this.#keys.expire(nowMs);
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    const next = this.#nextExpiryMs;
    if (next === undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#sweep(clock.now());
        this.#arm();
      },
      Math.max(SWEEP_MS, next - clock.now()),
    );
  }
}

function stoppedError(): SluiceError {
  return new SluiceError('DRAINING', 'the gateway is leaving: its topics are gone', { retryAfterMs: 1_000 });
}
