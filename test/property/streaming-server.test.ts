import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowCounters } from '../../src/core/counters.js';
import { conformanceRoute } from '../../src/routes/conformance.js';
import type { StreamSettings } from '../../src/server/settings.js';
import { MemoryConnection } from '../../src/transport/memory/memory-connection.js';
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';
import { settings } from '../helpers/fake-stream.js';
import { memoryServer } from '../helpers/memory-server.js';

// A whole server over the memory transport, in time that is moved by hand, and
// clients that do anything in any order. What always holds (design, section 4)
// is asserted after every step and at the end.

const SMALL: StreamSettings = {
  ...settings,
  receiveQueueMessages: 6,
  receiveQueueBytes: 2_000,
  sendQueueMessages: 5,
  sendQueueBytes: 2_000,
  sendBufferBytes: 600,
  maxControlAnswers: 4,
};

const newServer = () =>
  memoryServer(conformanceRoute, SMALL, [], {
    maxPerConnection: 3,
    maxPerClient: 10,
    max: 10,
    idleTimeoutMs: 40_000,
  });

const sessionId = fc.constantFrom('a', 'b', 'c', 'd');
const behaviour = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3_000 }).map((ms) => ({ 'delay-ms': String(ms) })) },
  { weight: 1, arbitrary: fc.constant({ fail: 'as asked' }) },
  { weight: 1, arbitrary: fc.constant({ throw: 'as asked' }) },
  { weight: 1, arbitrary: fc.constant({ never: '' }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 12 }).map((n) => ({ produce: String(n), size: '50' })) },
  { weight: 1, arbitrary: fc.constant({ end: 'as asked' }) },
);
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('data' as const),
      sessionId,
      behaviour,
      size: fc.nat(300),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 6_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pause' as const), sessionId: fc.constantFrom('', 'a', 'b') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('resume' as const), sessionId: fc.constantFrom('', 'a', 'b') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), sessionId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('heartbeat' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('probe' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unknown' as const) }) },
);
const ending = fc.constantFrom('half-close', 'cancel', 'break', 'drain', 'destroy', 'garbage');

/** admitted = delivered + dropped + pending, and nothing of it negative. */
function expectIdentity(flow: FlowCounters): void {
  expect(flow.pending).toBeGreaterThanOrEqual(0);
  expect(flow.admitted).toBe(flow.delivered + flow.dropped + flow.pending);
}

function expectBounds({ pool, sessions, metrics }: ReturnType<typeof newServer>): void {
  expectIdentity(metrics.up);
  expectIdentity(metrics.down);
  let pendingUp = 0;
  let pendingDown = 0;
  for (const session of sessions) {
    expectIdentity(session.up);
    expectIdentity(session.down);
    expect(session.up.pending).toBe(session.inboxLength);
    pendingUp += session.up.pending;
    pendingDown += session.down.pending;
  }
  expect(metrics.up.pending).toBe(pendingUp);
  expect(metrics.down.pending).toBe(pendingDown);
  for (const { receiveQuota, sendQueue } of pool) {
    expect(receiveQuota.messages).toBeLessThanOrEqual(receiveQuota.maxMessages);
    expect(sendQueue.quota.messages).toBeLessThanOrEqual(sendQueue.quota.maxMessages);
    expect(sendQueue.quota.bytes <= sendQueue.quota.maxBytes || sendQueue.quota.messages === 1).toBe(true);
    expect(sendQueue.controlRoom).toBeGreaterThanOrEqual(0);
  }
}

async function play(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  end: string,
): Promise<void> {
  const world = newServer();
  const { clock, server, pool, sessions, metrics } = world;
  const client = new MemoryConnection(server.accept, {
    clock,
    windowBytes: 2_000,
    metadata: { 'x-client-id': 'ann' },
  });
  const echoed: DataMessage[] = [];
  let permits = 0;
  let wake = (): void => undefined;
  const read = (count: number): void => {
    permits += count;
    wake();
  };
  /** Takes messages only as far as it is let. */
  const reader = (async () => {
    for (;;) {
      while (permits === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      permits -= 1;
      const message = await client.receive();
      if (message === undefined) return;
      if (message.type === MessageType.DATA && message.key !== '') echoed.push(message);
    }
  })();
  let next = 1;
  for (const move of steps) {
    switch (move.kind) {
      case 'data':
        for (let n = 0; n < move.times; n += 1) {
          const metadata = new Map(Object.entries(move.behaviour));
          client.send(
            dataMessage({
              sessionId: move.sessionId,
              key: String(next),
              data: new Uint8Array(move.size),
              metadata: metadata.size === 0 ? undefined : metadata,
            }),
          );
          next += 1;
        }
        break;
      case 'read':
        read(move.count);
        break;
      case 'time':
        await clock.advanceAsync(move.ms);
        break;
      case 'pause':
        client.send(controlMessage({ action: 'pause', reason: '' }, move.sessionId));
        break;
      case 'resume':
        client.send(controlMessage({ action: 'resume' }, move.sessionId));
        break;
      case 'close':
        client.send(controlMessage({ action: 'close' }, move.sessionId));
        break;
      case 'heartbeat':
        client.send(dataMessage({ type: MessageType.HEARTBEAT }));
        break;
      case 'probe':
        client.send(dataMessage({ type: MessageType.HEALTH_CHECK, sequence: 7, timestampMs: 1 }));
        break;
      case 'unknown':
        client.send(dataMessage({ type: 77 }));
        break;
    }
    await clock.settle();
    expectBounds(world);
  }
  switch (end) {
    case 'half-close':
      client.halfClose();
      break;
    case 'cancel':
      client.cancel();
      break;
    case 'break':
      client.break();
      break;
    case 'garbage':
      client.sendBytes(new Uint8Array([255, 255, 255]));
      break;
    case 'drain':
      void server.drain(2_000);
      break;
    case 'destroy':
      server.destroy();
      break;
  }
  for (let n = 0; n < 8; n += 1) {
    await clock.advanceAsync(1_000);
    read(1_000);
    expectBounds(world);
  }
  // A half-closed client whose message is never accepted stays, rightly; it goes with the server.
  server.destroy();
  client.cancel();
  read(Infinity);
  await clock.settle();
  await reader;
  sessions.stop();
  await clock.settle();
  expect({
    pool: pool.size,
    sessions: sessions.size,
    timers: clock.activeTimers,
    up: metrics.up.pending,
    down: metrics.down.pending,
  }).toEqual({ pool: 0, sessions: 0, timers: 0, up: 0, down: 0 });
  for (const id of ['a', 'b', 'c', 'd']) {
    const order = echoed.filter((message) => message.sessionId === id).map((message) => Number(message.key));
    expect(order).toEqual([...order].sort((x, y) => x - y));
    expect(new Set(order).size).toBe(order.length);
  }
}

describe('a server and a client that does anything', () => {
  it('keeps its bounds and its account at every step, and leaves nothing', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), ending, play), { numRuns: 250 });
  });
});
