import type { Clock } from '../../src/core/clock.js';
import { SystemClock } from '../../src/core/clock.js';
import { MemoryTopics } from '../../src/engine/memory/memory-topics.js';
import type { Route } from '../../src/session/route.js';
import type { TopicRoute } from '../../src/session/topic-route.js';

const nothing = { handle: () => undefined };

/** A route with topics in memory, for tests of who asks it: small limits, no sessions of its own. */
export function testTopics(
  clock: Clock = new SystemClock(),
  own: Partial<TopicRoute> & { readonly historyMessages?: number; readonly sendTimeoutMs?: number } = {},
): Route & { readonly topic: TopicRoute } {
  const { historyMessages = 1_000, sendTimeoutMs = 15_000, ...topic } = own;
  const store = new MemoryTopics({
    clock,
    settings: 'routes.news',
    history: {
      messages: historyMessages,
      bytes: 1 << 20,
      ageMs: 60_000,
      totalBytes: 1 << 24,
      conflate: false,
    },
    idempotency: { keys: 100, ageMs: 60_000 },
    maxTopics: 10,
    maxSubscribers: 100,
    maxWaitingPublishes: 100,
    waitingPublishBytes: 1 << 20,
    sendTimeoutMs,
    presence: false,
  });
  return {
    kind: 'topic',
    topic: {
      overflow: 'drop-oldest',
      allowedOverflow: ['block', 'drop-newest', 'conflate', 'disconnect'],
      publish: (subject, publication) => store.publish(subject, publication),
      subscribe: (subject, start, subscriber) => store.subscribe(subject, start, subscriber),
      get levels() {
        return { ...store.levels, queuedMessages: 0, queuedBytes: 0 };
      },
      get counters() {
        return { ...store.counters, queueDropped: 0 };
      },
      ...topic,
    },
    open: () => nothing,
    stop: () => {
      store.stop();
    },
  };
}
