/** A gateway with a topic route of the test's own, whose levels can be seen. */
import { expect } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import { topicRoute } from '../../src/routes/topic.js';
import type { TopicRouteOptions } from '../../src/routes/topic-options.js';
import { ALL_OVERFLOWS } from '../../src/session/overflow.js';
import type { TopicRoute } from '../../src/session/topic-route.js';
import { type GatewayUnderTest, type Settings, startGateway } from './gateway.js';

/** The defaults, but for presence. */
const ROOM_OPTIONS: TopicRouteOptions = {
  overflow: 'drop-oldest',
  allowedOverflow: ALL_OVERFLOWS,
  historyMessages: 100,
  historySize: 1 << 20,
  historyAge: 300_000,
  maxHistorySize: 64 << 20,
  conflateHistory: false,
  maxTopics: 10_000,
  maxSubscribers: 10_000,
  idempotencyKeys: 10_000,
  idempotencyAge: 600_000,
  maxWaitingPublishes: 64,
  waitingPublishSize: 1 << 20,
  ownMessages: true,
  presence: true,
  maxPresence: 1_000,
};

export interface RoomsUnderTest extends GatewayUnderTest {
  readonly topic: TopicRoute;
}

export interface RoomsOptions {
  readonly room?: Partial<TopicRouteOptions>;
  readonly settings?: Settings;
  readonly waiting?: { readonly messages: number; readonly bytes: number };
  readonly sendTimeoutMs?: number;
}

/** Route `rooms`. When it is disposed of nothing may be left in it. */
export async function startRooms(options: RoomsOptions = {}): Promise<RoomsUnderTest> {
  const clock = new SystemClock();
  const { room, settings, waiting = { messages: 512, bytes: 2 << 20 }, sendTimeoutMs = 2_000 } = options;
  const route = topicRoute('rooms', { ...ROOM_OPTIONS, ...room }, { clock, waiting, sendTimeoutMs });
  const gateway = await startGateway(settings, { rooms: route }, clock);
  return {
    ...gateway,
    topic: route.topic,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      expect(route.topic.levels).toEqual({
        topics: 0,
        subscribers: 0,
        historyMessages: 0,
        historyBytes: 0,
        idempotencyKeys: 0,
        waitingPublishes: 0,
        waitingPublishBytes: 0,
        queuedMessages: 0,
        queuedBytes: 0,
      });
    },
  };
}
