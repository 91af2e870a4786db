import { describe, expect, it } from 'vitest';
import { inspection } from '../../../src/server/inspection.js';
import { echoRoute } from '../../../src/routes/echo.js';
import type { Route } from '../../../src/session/route.js';
import { MemoryConnection } from '../../../src/transport/memory/memory-connection.js';
import { controlMessage, dataMessage } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';

const SETTINGS = { receiveQueueMessages: 16, sendQueueMessages: 16, sendBufferBytes: 4_096 };
const NO_ANSWER: Route = {
  kind: 'stuck',
  open: () => ({ handle: () => new Promise<void>(() => undefined) }),
};

function inspected(world: ReturnType<typeof memoryServer>) {
  const rates = { of: () => ({ receive: 12.3456789, send: 0.04 }) };
  const look = inspection({ ...world, rates, sendBufferBytes: SETTINGS.sendBufferBytes });
  const [only] = [...look.connections()];
  if (only === undefined) throw new Error('there is no connection');
  return only;
}

/** Sends until the gateway takes no more: both its queues are as full as they get. */
function flood(client: MemoryConnection, messages = 100): void {
  for (let n = 0; n < messages; n += 1) {
    client.send(dataMessage({ sessionId: 's', data: new Uint8Array(512) }));
  }
}

describe('slowBecause', () => {
  it('is null where nothing waits, and rates are to a tenth', async () => {
    const world = memoryServer(echoRoute(), SETTINGS);
    const { client, received } = readingClient(world);
    flood(client, 10);
    await world.clock.settle();
    expect(received.length).toBeGreaterThan(10);
    expect(inspected(world).snapshot()).toMatchObject({ slowBecause: null, receiveRate: 12.3, sendRate: 0 });
    client.cancel();
  });

  it('names the client that reads nothing, though the receive queue is full too', async () => {
    const world = memoryServer(echoRoute(), SETTINGS);
    const client = new MemoryConnection(world.server.accept, { clock: world.clock, windowBytes: 4_096 });
    flood(client);
    await world.clock.settle();
    const connection = inspected(world);
    expect(connection.snapshot()).toMatchObject({ slowBecause: 'client', readingStopped: true });
    expect(connection.slowBecause()).toBe('client');
    expect(connection.load('sendQueue')).toBe(16);
    expect(connection.load('receiveQueue')).toBeGreaterThan(8);
    expect(connection.load('bytesInFlight')).toBeGreaterThanOrEqual(4_096);
    expect([connection.load('receiveRate'), connection.load('sendRate')]).toEqual([12.3456789, 0.04]);
    client.cancel();
  });

  it('names the throttle, though both queues are full', async () => {
    const world = memoryServer(echoRoute(), { ...SETTINGS, messagesPerSecond: 1 });
    const { client } = readingClient(world);
    flood(client);
    await world.clock.settle();
    const snapshot = inspected(world).snapshot();
    expect(snapshot).toMatchObject({ slowBecause: 'throttled', readingStopped: true });
    expect(snapshot.sendQueue.messages).toBe(16);
    client.cancel();
  });

  it('names the route that takes nothing', async () => {
    const world = memoryServer(NO_ANSWER, SETTINGS);
    const { client } = readingClient(world);
    flood(client);
    await world.clock.settle();
    const snapshot = inspected(world).snapshot();
    expect(snapshot).toMatchObject({ slowBecause: 'route', readingStopped: true });
    expect(snapshot.sendQueue.messages).toBe(0);
    client.cancel();
  });

  it('beside it, how often and how long the reading was stopped, and how full the queue was at most', async () => {
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const route: Route = { kind: 'held', open: () => ({ handle: () => promise }) };
    const world = memoryServer(route, SETTINGS);
    const { client } = readingClient(world);
    flood(client);
    await world.clock.settle();
    const connection = inspected(world);
    const first = { readingStops: 1, readingStoppedMs: 0 };
    expect(connection.snapshot()).toMatchObject({ ...first, receiveQueue: { most: 16 } });
    await world.clock.advanceAsync(250);
    expect(connection.snapshot()).toMatchObject({ readingStops: 1, readingStoppedMs: 250 });
    expect(world.metrics.readingStoppedMs).toBe(0);
    resolve();
    await world.clock.settle();
    const after = connection.snapshot();
    expect(after).toMatchObject({ readingStopped: false, readingStoppedMs: 250 });
    expect(world.metrics.readingStoppedMs).toBe(250);
    await world.clock.advanceAsync(250);
    expect(connection.snapshot().readingStoppedMs).toBe(after.readingStoppedMs);
    client.cancel();
  });

  it('beside it, counts a stop that outlives its connection', async () => {
    const world = memoryServer(NO_ANSWER, SETTINGS);
    const { client } = readingClient(world);
    flood(client);
    await world.clock.settle();
    await world.clock.advanceAsync(250);
    const [supervised] = [...world.pool].map(({ id }) => world.server.supervisor(id));
    supervised?.end();
    await world.clock.advanceAsync(250);
    client.cancel();
    await world.clock.settle();
    expect(world.metrics.readingStoppedMs).toBe(250);
  });

  it.each(['', 's'])('says paused when the client has paused session "%s"', async (sessionId) => {
    const world = memoryServer(echoRoute(), SETTINGS);
    const { client } = readingClient(world);
    flood(client, 1);
    await world.clock.settle();
    client.send(controlMessage({ action: 'pause', reason: '' }, sessionId));
    flood(client, 5);
    await world.clock.settle();
    expect(inspected(world).snapshot()).toMatchObject({ slowBecause: 'paused', paused: sessionId === '' });
    client.cancel();
  });
});
