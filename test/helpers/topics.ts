/** Topics in memory, and who follows them, for tests of the engine. */
import { MemoryTopics, type MemoryTopicsOptions } from '../../src/engine/memory/memory-topics.js';
import type { TopicMessage, TopicPublication, TopicSubscriber } from '../../src/session/topic-route.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

export interface TopicsUnderTest {
  readonly clock: FakeClock;
  readonly topics: MemoryTopics;
}

export type TopicsOptions = Partial<Omit<MemoryTopicsOptions, 'clock' | 'history' | 'idempotency'>> & {
  readonly history?: Partial<MemoryTopicsOptions['history']>;
  readonly idempotency?: Partial<MemoryTopicsOptions['idempotency']>;
};

export function topicsOf({ history, idempotency, ...options }: TopicsOptions = {}): TopicsUnderTest {
  const clock = new FakeClock();
  const topics = new MemoryTopics({
    clock,
    settings: 'routes.chat',
    history: {
      messages: 5,
      bytes: 10_000,
      ageMs: 60_000,
      totalBytes: 1_000_000,
      conflate: false,
      ...history,
    },
    idempotency: { keys: 10, ageMs: 120_000, ...idempotency },
    maxTopics: 100,
    maxSubscribers: 10,
    maxWaitingPublishes: 4,
    waitingPublishBytes: 10_000,
    sendTimeoutMs: 15_000,
    presence: true,
    ...options,
  });
  return { clock, topics };
}

export function publication(text: string, more: Partial<TopicPublication> = {}): TopicPublication {
  return { data: Buffer.from(text), from: 'ann', ...more };
}

/** Notes what it is given; says what it is told to. */
export class Follower implements TopicSubscriber {
  readonly clientId: string;
  readonly messages: TopicMessage[] = [];
  /** Texts, and what was missed as [from, to]. */
  readonly log: (string | readonly [number, number])[] = [];
  timesTooSlow = 0;
  /** What the next deliveries return. */
  readonly holds: Promise<void>[] = [];
  /** Called with each message first. */
  onDeliver: ((message: TopicMessage) => void) | undefined;

  constructor(clientId = 'bob') {
    this.clientId = clientId;
  }

  get texts(): readonly string[] {
    return this.messages.map(({ data }) => Buffer.from(data).toString());
  }

  deliver(message: TopicMessage): undefined | Promise<void> {
    this.onDeliver?.(message);
    this.messages.push(message);
    this.log.push(Buffer.from(message.data).toString());
    return this.holds.shift();
  }

  missed(from: number, to: number): void {
    this.log.push([from, to]);
  }

  tooSlow(): void {
    this.timesTooSlow += 1;
  }
}
