import type {
  Published,
  TopicCounters,
  TopicLevels,
  TopicPublication,
  TopicStart,
  TopicSubscriber,
  TopicSubscription,
} from '../session/topic-route.js';

/**
 * Where the topics of a route live: in this process (`memory/`), or with a
 * broker, shared by several gateways.
 *
 * Tried in thought against JetStream, one stream for all topics, of which each
 * gateway follows those that its sessions follow. What it needs is allowed here:
 *
 * - `publish` may be a promise: the broker confirms. Who publishes is answered
 *   only then, so order holds as long as publications are sent one by one, or
 *   with the expected last sequence of the subject.
 * - Sequences ascend, and may leave numbers out: those of a stream are shared by
 *   its topics. A jump says nothing; what was lost is told by `missed`. (The
 *   memory store leaves none out.) A stream that is made anew has to begin above
 *   the old one: its first sequence is its creation time here too.
 * - `Published.subscribers` is of this gateway: a broker knows no sessions.
 * - What history brings may come after `subscribe` has returned, for it is
 *   fetched; always in order, and before what is new. Whoever subscribes must
 *   not rely on its coming at once; `position` says how far it has come.
 * - A subscriber under `block` can hold only the publishers of its own gateway.
 * - A broker takes the second message of an idempotency key for the first,
 *   whatever is in it: the digest has to go with the message, and be compared
 *   by fetching the first one.
 * - Presence may be a promise: it is asked of the other gateways, or kept in a
 *   bucket whose entries expire.
 */
export interface TopicStore {
  publish(subject: string, publication: TopicPublication): Published | Promise<Published>;
  subscribe(subject: string, start: TopicStart, subscriber: TopicSubscriber): TopicSubscription;
  /** The clients that follow a topic now, `limit` of them at most. */
  presence(subject: string, limit: number): Presence | Promise<Presence>;
  /** From now on; returns what ends it. */
  followPresence(subject: string, follower: PresenceFollower): () => void;
  readonly levels: TopicLevels;
  readonly counters: TopicCounters;
  /** Forgets all topics; no timer is left. Idempotent, and nothing is kept of what is published after it. */
  stop(): void;
}

export interface Presence {
  /** In no order. */
  readonly clients: readonly string[];
  /** Of all, however many are named. */
  readonly count: number;
}

/** Told of each client once, however many subscriptions it has. No method throws. */
export interface PresenceFollower {
  joined(clientId: string): void;
  left(clientId: string): void;
}
