import type { Clock } from '../core/clock.js';
import { MemoryTopics } from '../engine/memory/memory-topics.js';
import type { Size } from '../flow/window.js';
import type { Route } from '../session/route.js';
import type { TopicRoute } from '../session/topic-route.js';
import type { TopicRouteOptions } from './topic-options.js';
import { TopicSession } from './topic-session.js';

/** What a topic route needs beside its own options. */
export interface TopicRouteParts {
  readonly clock: Clock;
  /** What may wait for one session (`session.waitingMessages`, `session.waitingSize`). */
  readonly waiting: Size;
  /** How long a subscriber under `block` may hold a publisher (`stream.sendTimeout`). */
  readonly sendTimeoutMs: number;
}

/**
 * Rooms: a session's subject names one; what it sends is published there, and
 * what others publish comes to it. docs/topics.md says what is promised.
 */
export function topicRoute(
  name: string,
  options: TopicRouteOptions,
  { clock, waiting, sendTimeoutMs }: TopicRouteParts,
): Route & { readonly topic: TopicRoute } {
  const { overflow, allowedOverflow, presence, maxPresence, ownMessages } = options;
  const store = new MemoryTopics({
    clock,
    settings: `routes.${name}`,
    history: {
      // More than may wait for a session would be dropped on its way to whoever asks for it.
      messages: Math.min(options.historyMessages, waiting.messages),
      bytes: Math.min(options.historySize, waiting.bytes),
      ageMs: options.historyAge,
      totalBytes: options.maxHistorySize,
      conflate: options.conflateHistory,
    },
    idempotency: { keys: options.idempotencyKeys, ageMs: options.idempotencyAge },
    maxTopics: options.maxTopics,
    maxSubscribers: options.maxSubscribers,
    maxWaitingPublishes: options.maxWaitingPublishes,
    waitingPublishBytes: options.waitingPublishSize,
    sendTimeoutMs,
    presence,
  });
  const queued = { messages: 0, bytes: 0, dropped: 0 };
  const session = {
    clock,
    store,
    route: name,
    ownMessages,
    presence,
    maxPresence,
    waiting,
    sendTimeoutMs,
    queued,
  };
  return {
    kind: 'topic',
    wantsWhole: true,
    overflow,
    allowedOverflow,
    topic: {
      overflow,
      allowedOverflow,
      publish: (subject, publication) => store.publish(subject, publication),
      subscribe: (subject, start, subscriber) => store.subscribe(subject, start, subscriber),
      get levels() {
        return { ...store.levels, queuedMessages: queued.messages, queuedBytes: queued.bytes };
      },
      get counters() {
        return { ...store.counters, queueDropped: queued.dropped };
      },
    },
    open: (opened) => new TopicSession(opened, session),
    stop: () => {
      store.stop();
    },
  };
}
