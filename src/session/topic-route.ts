import type { RateFigures } from '../core/rate-figures.js';
import type { Overflow } from './overflow.js';

/** What is published to a topic. */
export interface TopicPublication {
  readonly data: Uint8Array;
  readonly key?: string;
  readonly metadata?: ReadonlyMap<string, string> | undefined;
  /** Not worth delivering later than this, in milliseconds; 0 = always. */
  readonly ttlMs?: number;
  /** "": every call publishes. Else a second one with the same key and the same message has no effect. */
  readonly idempotencyKey?: string;
  /** The client that publishes. */
  readonly from: string;
  /** Where it came from, `host:port`, and until when somebody waits for it: of one that comes by no session. */
  readonly peer?: string;
  readonly signal?: AbortSignal;
  /** Who is not given it: the publisher itself, where its own messages don't come back. */
  readonly except?: TopicSubscriber | undefined;
}

/** The topic has it. */
export interface Published {
  /** Its number in the topic. */
  readonly sequence: number;
  /** To how many subscribers it went. */
  readonly subscribers: number;
  /** It was there already, by its idempotency key; all else is of the first time. */
  readonly duplicate: boolean;
  /** How its publisher stands with the rate limits of the route; none where it has none. */
  readonly rates?: readonly RateFigures[];
}

/** Where in a topic a subscriber begins. Both 0: with what comes from now on. */
export interface TopicStart {
  /** A position, the sequence of a message: begin after it; 0 = none. Goes before `history`. */
  readonly afterSequence: number;
  /** How many of the messages that the topic holds come first. */
  readonly history: number;
}

export const FROM_NOW_ON: TopicStart = { afterSequence: 0, history: 0 };

/** One message of a topic, the same object for all its subscribers: not to be changed. */
export interface TopicMessage {
  readonly sequence: number;
  readonly timestampMs: number;
  readonly data: Uint8Array;
  /** Encoded once for all (`EncodedMetadata`): the publisher's, `x-topic-sequence`, and `x-from` where there is one. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly key: string;
  readonly ttlMs: number;
  /** The client that published it; "" for what the gateway says itself. */
  readonly from: string;
}

/** Who follows a topic. No method throws; what they subscribe, publish or close from within is done. */
export interface TopicSubscriber {
  /** Who is present in the topic by it; undefined: nobody. */
  readonly clientId?: string;
  /** Who subscribes by a call of their own, for the rate limits of the route; undefined: a session, which they have let in. */
  readonly caller?: { readonly clientId: string; readonly peer: string };
  /**
   * The next message, in order. Undefined: it is taken, or dealt with by the
   * subscriber's own overflow policy. A promise, only under `block`: the
   * publisher is held until it resolves, or the subscription is closed.
   */
  deliver(message: TopicMessage): undefined | Promise<void>;
  /**
   * Messages that are not held any more (or have expired, or gave way to a
   * later one of their key), of those that were asked for with `afterSequence`;
   * in order, before the next that is delivered.
   */
  missed(fromSequence: number, toSequence: number): void;
  /** It has held a publisher for longer than it may, and gets nothing any more: end it as a SLOW_CONSUMER. */
  tooSlow?(): void;
}

export interface TopicSubscription {
  /** The last sequence of the topic that was delivered, or missed, or where it began: what follows comes after it. */
  readonly position: number;
  /** No more is delivered; a publisher held by it goes on. Idempotent. */
  close(): void;
}

/**
 * A route whose subjects are topics: what Publish, Subscribe and the HTTP edge
 * ask of it. Whoever calls has checked the permission and that the subject is
 * 1 to 128 printable characters.
 */
export interface TopicRoute {
  /**
   * Returns at once, save where a subscriber under `block` has no room: then
   * when it has. Throws or rejects with INVALID_MESSAGE for an idempotency key
   * that was used for another message, and with the limits of the topics.
   */
  publish(subject: string, publication: TopicPublication): Published | Promise<Published>;
  /**
   * Throws the limits of the topics (TOPIC_LIMIT), and INVALID_MESSAGE for a
   * position above the topic's own. What history brings is delivered before it returns.
   */
  subscribe(subject: string, start: TopicStart, subscriber: TopicSubscriber): TopicSubscription;
  /** The policy of subscribers that choose none, and what they may choose, as for sessions of the route. */
  readonly overflow: Overflow;
  readonly allowedOverflow: readonly Overflow[];
  /** What the topics of the route hold now. */
  readonly levels: TopicRouteLevels;
  /** What has become of what was published, since the start. */
  readonly counters: TopicRouteCounters;
}

export interface TopicRouteLevels extends TopicLevels {
  /** For sessions whose sends wait: simple connections that are slow, the budget exceeded, `block`. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
}

export interface TopicRouteCounters extends TopicCounters {
  /** Of those that were queued, by the policy or the time to live. */
  readonly queueDropped: number;
}

export interface TopicLevels {
  readonly topics: number;
  readonly subscribers: number;
  readonly historyMessages: number;
  readonly historyBytes: number;
  readonly idempotencyKeys: number;
  /** Publications behind one that a subscriber under `block` holds. */
  readonly waitingPublishes: number;
  readonly waitingPublishBytes: number;
}

export interface TopicCounters {
  readonly published: number;
  readonly publishedBytes: number;
  /** Not published again, by their idempotency key. */
  readonly duplicates: number;
  /** To subscribers, whose policies may drop it yet. */
  readonly delivered: number;
  /** Publications that a subscriber under `block` held. */
  readonly held: number;
  /** Subscribers that held one for too long. */
  readonly tooSlow: number;
  readonly topicsRefused: number;
  readonly subscribersRefused: number;
  readonly publishesRefused: number;
}
