import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import { dataMessage } from '../../../../src/wire/messages.js';
import {
  call,
  callsWorld,
  type CallsWorld,
  Listener,
  OVERFLOW,
  publishing,
  publishedBy,
  say,
  subscribe,
} from '../../../helpers/memory-calls.js';

/** Nothing is left of any call, and every message is accounted for. */
async function expectOver(world: CallsWorld): Promise<void> {
  await world.clock.settle();
  const { down, up } = world.metrics;
  expect({
    connections: world.pool.size,
    pending: down.pending,
    up: up.pending,
    bytes: world.account.bytes,
  }).toEqual({
    connections: 0,
    pending: 0,
    up: 0,
    bytes: 0,
  });
  expect(world.topic.levels.subscribers).toBe(0);
  expect(down.admitted).toBe(down.delivered + down.dropped);
}

/** The position of a topic in which nothing was said. */
async function baseOf(world: CallsWorld, subject = 'room'): Promise<number> {
  const [first] = await say(world, subject, ['zero']);
  return first!.sequence;
}

const room = (sequence: number, texts: number): string[] =>
  Array.from({ length: texts }, (_, index) => `${sequence + index} m${sequence + index}`);
const texts = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `m${from + index}`);

/** A client that has received its Welcome and reads nothing more: what it is sent fills its window of one message. */
async function stalled(world: CallsWorld, overflow: keyof typeof OVERFLOW, start: { history?: number } = {}) {
  const client = subscribe(world, { ...start, overflow: OVERFLOW[overflow] }, { windowBytes: 1 });
  await world.clock.settle();
  expect((await client.receive())?.control?.action).toBe('welcome');
  await world.clock.settle();
  return client;
}

describe('Subscribe', () => {
  it('greets with its position, brings the past, then what comes, then nothing more', async () => {
    const world = callsWorld();
    const base = await baseOf(world);
    await say(world, 'room', texts(1, 5));
    const listener = new Listener(subscribe(world, { history: 2 }), base);
    await world.clock.settle();
    await say(world, 'room', texts(6, 2));
    await world.clock.settle();
    expect(listener.words).toEqual(['welcome 3', ...room(4, 4)]);
    const [, first] = listener.messages;
    expect(first).toMatchObject({ sessionId: '', key: '', sequence: base + 4 });
    expect(first!.metadata?.get('x-from')).toBe('somebody');
    listener.client.cancel();
    await expectOver(world);
  });

  it('goes on after a position, and tells at its place of what is not held any more', async () => {
    const world = callsWorld({}, { historyMessages: 3 });
    const base = await baseOf(world);
    await say(world, 'room', texts(1, 9));
    const listener = new Listener(subscribe(world, { afterSequence: base + 2, history: 1 }), base);
    await world.clock.settle();
    expect(listener.words).toEqual(['welcome 2', 'gap 3-6 RESUME_EXPIRED', ...room(7, 3)]);
    listener.client.cancel();
    await expectOver(world);
  });

  it('brings more of the past than may wait, none of it dropped by the policy', async () => {
    const world = callsWorld({ sendQueueMessages: 4 });
    const base = await baseOf(world);
    await say(world, 'room', texts(1, 300));
    const client = subscribe(world, { afterSequence: base }, { windowBytes: 64 });
    await world.clock.settle();
    await say(world, 'room', texts(301, 2));
    const listener = new Listener(client, base);
    await world.clock.settle();
    expect(listener.words).toEqual(['welcome 0', ...room(1, 302)]);
    client.cancel();
    await expectOver(world);
  });

  describe('for one who does not read', () => {
    const settings = { sendQueueMessages: 4, sendBufferBytes: 1 };

    it.each([
      ['drop-oldest', [...room(1, 2), 'gap 3-6 overflow', ...room(7, 4)]],
      ['drop-newest', [...room(1, 6), 'gap 7-10 overflow']],
    ] as const)('%s', async (overflow, expected) => {
      const world = callsWorld(settings);
      const base = await baseOf(world);
      const client = await stalled(world, overflow);
      for (const text of texts(1, 10)) {
        await say(world, 'room', [text]);
        await world.clock.settle();
      }
      expect(world.metrics.down.dropped).toBe(4);
      const listener = new Listener(client, base);
      await world.clock.settle();
      expect(listener.words).toEqual(expected);
      client.cancel();
      await expectOver(world);
    });

    it('conflate: the newest of each key, and the oldest of all when full of keys', async () => {
      const world = callsWorld(settings);
      const base = await baseOf(world);
      const client = await stalled(world, 'conflate');
      for (const key of ['x', 'y', 'a', 'b', 'a', 'c', 'd', 'e']) {
        await say(world, 'room', [key], key);
        await world.clock.settle();
      }
      const listener = new Listener(client, base);
      await world.clock.settle();
      expect(listener.words).toEqual(['1 x', '2 y', 'gap 3-4 overflow', '5 a', '6 c', '7 d', '8 e']);
      client.cancel();
      await expectOver(world);
    });

    it('disconnect: SLOW_CONSUMER, and nobody waits', async () => {
      const world = callsWorld(settings);
      await baseOf(world);
      const client = await stalled(world, 'disconnect');
      await say(world, 'room', texts(1, 20));
      await world.clock.settle();
      const listener = new Listener(client);
      await listener.over;
      const { error } = await client.ended;
      expect(error?.code).toBe('SLOW_CONSUMER');
      expect(error?.message).toContain('stream.sendQueueMessages = 4');
      await expectOver(world);
    });

    it('block: the publisher waits, and goes on when there is room', async () => {
      const world = callsWorld(settings);
      const base = await baseOf(world);
      const client = await stalled(world, 'block');
      for (const text of texts(1, 6)) {
        await say(world, 'room', [text]);
        await world.clock.settle();
      }
      const publisher = publishing(world, { data: Buffer.from('m7') });
      await world.clock.settle();
      expect(world.server.publishes.levels).toEqual({ underWay: 1, held: 1 });
      const listener = new Listener(client, base);
      await world.clock.settle();
      expect(await publishedBy(publisher)).toMatchObject({ sequence: base + 7, subscribers: 1 });
      expect(listener.words).toEqual(room(1, 7));
      client.cancel();
      await publisher.ended;
      await expectOver(world);
      expect(world.server.publishes.size).toBe(0);
    });

    it('block, for longer than stream.sendTimeout: SLOW_CONSUMER, and the publisher goes on', async () => {
      const world = callsWorld(settings, { sendTimeoutMs: 5_000 });
      const base = await baseOf(world);
      const client = await stalled(world, 'block');
      for (const text of texts(1, 6)) {
        await say(world, 'room', [text]);
        await world.clock.settle();
      }
      const publisher = publishing(world);
      await world.clock.settle();
      await world.clock.advanceAsync(5_000);
      expect(await publishedBy(publisher)).toMatchObject({ sequence: base + 7 });
      const listener = new Listener(client);
      await world.clock.settle();
      await listener.over;
      expect((await client.ended).error?.code).toBe('SLOW_CONSUMER');
      await expectOver(world);
    });

    it('and takes nothing at all for stream.sendTimeout: SLOW_CONSUMER', async () => {
      const world = callsWorld({ ...settings, sendTimeoutMs: 3_000 });
      await baseOf(world);
      const client = await stalled(world, 'drop-oldest');
      await say(world, 'room', texts(1, 3));
      await world.clock.settle();
      await say(world, 'room', texts(4, 3));
      await world.clock.advanceAsync(3_100);
      expect(world.metrics.slowConsumers).toBe(1);
      expect(world.pool.size).toBe(0);
      expect((await client.ended).close).toBe('reset');
      await expectOver(world);
    });
  });

  it('drops what has waited beyond its time, and says so', async () => {
    const world = callsWorld({ sendQueueMessages: 4, sendBufferBytes: 1 });
    const base = await baseOf(world);
    const client = await stalled(world, 'none');
    for (const text of texts(1, 2)) {
      await say(world, 'room', [text]);
      await world.clock.settle();
    }
    await world.topic.publish('room', { data: Buffer.from('late'), ttlMs: 50, from: 'a' });
    await say(world, 'room', ['m4']);
    await world.clock.advanceAsync(100);
    const listener = new Listener(client, base);
    await world.clock.settle();
    expect(listener.words).toEqual(['1 m1', '2 m2', 'gap 3-3 expired', '4 m4']);
    client.cancel();
    await expectOver(world);
  });

  it('brings of the past what is still worth it, with the time that is left', async () => {
    const world = callsWorld({ sendBufferBytes: 1 });
    const base = await baseOf(world);
    await world.topic.publish('room', { data: Buffer.from('m1'), ttlMs: 10_000, from: 'a' });
    await world.clock.advanceAsync(6_000);
    const client = await stalled(world, 'none', { history: 1 });
    await world.clock.advanceAsync(3_900);
    const listener = new Listener(client, base);
    await world.clock.settle();
    expect(listener.words).toEqual(['1 m1']);
    expect(listener.messages[0]?.ttlMs).toBe(4_000);
    client.cancel();
    await expectOver(world);
  });

  it('tells of what is larger than one message may be, in its past and now, and goes on', async () => {
    const world = callsWorld({ maxMessageBytes: 10_000 });
    const base = await baseOf(world);
    // As a session may publish it: in pieces.
    const large = { data: Buffer.alloc(10_000), from: 'a' };
    await world.topic.publish('room', large);
    await say(world, 'room', ['m2']);
    const listener = new Listener(subscribe(world, { afterSequence: base }), base);
    await world.clock.settle();
    await world.topic.publish('room', large);
    await say(world, 'room', ['m4']);
    await world.clock.settle();
    expect(listener.words).toEqual([
      'welcome 0',
      'gap 1-1 MESSAGE_TOO_LARGE',
      '2 m2',
      'gap 3-3 MESSAGE_TOO_LARGE',
      '4 m4',
    ]);
    listener.client.cancel();
    await expectOver(world);
  });

  it('is told its position after each interval in which nothing was sent', async () => {
    const world = callsWorld({ heartbeatIntervalMs: 1_000 });
    const base = await baseOf(world);
    const listener = new Listener(subscribe(world), base);
    await world.clock.settle();
    await world.clock.advanceAsync(600);
    await say(world, 'room', ['m1']);
    await world.clock.settle();
    await world.clock.advanceAsync(900);
    expect(listener.words).toEqual(['welcome 0', '1 m1']);
    await world.clock.advanceAsync(100);
    await world.clock.settle();
    expect(listener.words).toEqual(['welcome 0', '1 m1', 'heartbeat 1']);
    await world.clock.advanceAsync(1_000);
    await world.clock.settle();
    expect(listener.words.at(-1)).toBe('heartbeat 1');
    expect(listener.words).toHaveLength(4);
    listener.client.cancel();
    await expectOver(world);
  });

  it('tells no position that is ahead of what it has been sent', async () => {
    const world = callsWorld({ heartbeatIntervalMs: 1_000, bytesPerSecond: 10, flowControlDelayMs: 100 });
    const base = await baseOf(world);
    const listener = new Listener(subscribe(world), base);
    await world.clock.settle();
    await say(world, 'room', texts(1, 20));
    for (let second = 0; second < 20; second += 1) {
      await world.clock.advanceAsync(1_000);
      await world.clock.settle();
    }
    let position = 0;
    let heartbeats = 0;
    for (const word of listener.words) {
      if (word.startsWith('heartbeat')) {
        expect(word).toBe(`heartbeat ${position}`);
        heartbeats += 1;
      } else if (/^\d/.test(word)) position = Number.parseInt(word, 10);
    }
    expect(position).toBeGreaterThan(0);
    expect(position).toBeLessThan(20);
    expect(heartbeats).toBeGreaterThan(5);
    listener.client.cancel();
    await expectOver(world);
  });

  it.each([
    ['', 'INVALID_MESSAGE', 'topic "" is not "route/subject"'],
    ['test', 'INVALID_MESSAGE', 'topic "test" is not "route/subject"'],
    ['/room', 'INVALID_MESSAGE', 'topic "/room" is not'],
    ['test/', 'INVALID_MESSAGE', 'has a subject'],
    ['test/a\u0007b', 'INVALID_MESSAGE', '"test/a\\u0007b" has a subject'],
    ['test/' + 'x'.repeat(10_240), 'INVALID_MESSAGE', 'has a subject'],
    ['y'.repeat(10_240) + '/x', 'INVALID_MESSAGE', 'is not "route/subject"'],
    ['other/room', 'UNKNOWN_ROUTE', 'no route "other" is configured'],
  ])('%# of a topic that can not be', async (topic, code, text) => {
    const world = callsWorld();
    for (const client of [subscribe(world, { topic }), publishing(world, { topic })]) {
      await world.clock.settle();
      const { error } = await client.ended;
      expect(error?.code).toBe(code);
      expect(error?.message).toContain(text);
      expect(error?.message.length).toBeLessThan(400);
    }
    await expectOver(world);
    // Neither became a connection that opened and ended.
    expect(world.metrics.connectionsEnded.size).toBe(0);
  });

  it('of a policy that the route does not allow, or nobody knows', async () => {
    const world = callsWorld({}, { allowedOverflow: ['drop-newest'] });
    for (const overflow of [OVERFLOW.block, 77]) {
      const client = subscribe(world, { overflow });
      await world.clock.settle();
      expect((await client.ended).error).toMatchObject({
        code: 'INVALID_MESSAGE',
        message: expect.stringContaining('route "test" allows: drop-oldest, drop-newest') as string,
      });
    }
    await expectOver(world);
  });

  it('of a request that is none, that never comes, or is two', async () => {
    const world = callsWorld({ firstMessageTimeoutMs: 2_000 });
    const garbage = call(world, 'Subscribe');
    garbage.sendBytes(Buffer.from([0xff, 0xff]));
    garbage.halfClose();
    const none = call(world, 'Subscribe');
    none.halfClose();
    const two = call(world, 'Publish');
    two.send(dataMessage({ data: Buffer.from([]) }), dataMessage({ data: Buffer.from([]) }));
    const open = call(world, 'Subscribe');
    open.send(dataMessage({ data: Buffer.from('0a0a746573742f726f6f6d', 'hex') }));
    const silent = call(world, 'Publish');
    await world.clock.settle();
    expect((await garbage.ended).error?.code).toBe('INVALID_MESSAGE');
    expect((await none.ended).error).toMatchObject({ code: 'INVALID_MESSAGE', grpcStatus: 12 });
    expect((await two.ended).error).toMatchObject({ code: 'INVALID_MESSAGE', grpcStatus: 12 });
    expect(world.pool.size).toBe(1);
    await world.clock.advanceAsync(2_000);
    for (const late of [open, silent]) {
      expect((await late.ended).error).toMatchObject({
        code: 'RECEIVE_TIMEOUT',
        message: expect.stringContaining('stream.firstMessageTimeout') as string,
      });
    }
    await expectOver(world);
    expect(world.clock.activeTimers).toBe(0);
  });

  it.each(['Subscribe', 'Publish'] as const)(
    'of a request of %s that is not whole: it is counted',
    async (method) => {
      const world = callsWorld();
      const client = call(world, method);
      client.send(dataMessage({ data: new Uint8Array(100_000) }));
      await world.clock.settle();
      expect(world.account.bytes).toBeGreaterThanOrEqual(100_000);
      client.cancel();
      await expectOver(world);
      expect(world.clock.activeTimers).toBe(0);
    },
  );

  it('is told of a drain, given what waits, and ended with advice', async () => {
    const world = callsWorld({ drainQuietMs: 100 });
    const base = await baseOf(world);
    const listener = new Listener(subscribe(world), base);
    await world.clock.settle();
    await say(world, 'room', ['m1']);
    const drained = world.server.drain(10_000);
    await world.clock.settle();
    expect(world.topic.levels.subscribers).toBe(0);
    await say(world, 'room', ['m2']);
    await world.clock.advanceAsync(300);
    await listener.over;
    expect(listener.words).toEqual(['welcome 0', 'drain', '1 m1']);
    const { error } = await listener.client.ended;
    expect(error).toMatchObject({ code: 'DRAINING', retryAfterMs: expect.any(Number) as number });
    const late = subscribe(world);
    await world.clock.settle();
    expect((await late.ended).error?.code).toBe('DRAINING');
    await drained;
    await expectOver(world);
  });

  it('counts as a connection of its client, and ends with its client', async () => {
    const world = callsWorld();
    const clients = Array.from({ length: 11 }, () => subscribe(world));
    await world.clock.settle();
    expect(world.pool.size).toBe(10);
    expect((await clients[10]!.ended).error?.code).toBe('CONNECTION_LIMIT');
    // Those whom it is full of are published to all the same.
    const publisher = publishing(world, {}, { metadata: { 'x-client-id': 'ben', 'x-subject': 'room' } });
    await world.clock.settle();
    expect(await publishedBy(publisher)).toMatchObject({ subscribers: 10 });
    const error = new SluiceError('UNAUTHENTICATED', 'this client has been revoked');
    expect(world.server.endClient('ann', error)).toMatchObject({ connections: 10 });
    const listeners = clients.slice(0, 10).map((client) => new Listener(client));
    await world.clock.settle();
    expect((await listeners[0]!.client.ended).error?.code).toBe('UNAUTHENTICATED');
    await expectOver(world);
  });
});
