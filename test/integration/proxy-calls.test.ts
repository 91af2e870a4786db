import { createHash } from 'node:crypto';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { ProxyWorld } from '../helpers/proxy-world.js';
import { type ShapeHandlers, ShapesBackend, ShapesClient } from '../helpers/shapes.js';
import { until } from '../helpers/settled.js';

/** Everything that a call can say, in each shape: what came is said again, and how it ended with details. */
const TELLING: ShapeHandlers = {
  unary(call, callback) {
    call.sendMetadata(answerTo(call.metadata));
    callback(null, Buffer.concat([Buffer.from('got '), call.request]), ending());
  },
  upload(call, callback) {
    const got: Buffer[] = [];
    call.on('data', (body: Buffer) => got.push(body));
    call.on('end', () => {
      call.sendMetadata(answerTo(call.metadata));
      callback(null, Buffer.concat(got), ending());
    });
  },
  feed(call) {
    call.sendMetadata(answerTo(call.metadata));
    for (let at = 0; at < 100; at += 1) call.write(Buffer.from(`${call.request.toString()} ${at}`));
    call.emit('error', { code: 9, details: 'bis später: 100% 😀', metadata: ending() });
  },
  chat(call) {
    call.sendMetadata(answerTo(call.metadata));
    call.on('data', (body: Buffer) => call.write(body));
    call.on('end', () => {
      call.end(ending());
    });
  },
};

function answerTo(metadata: Metadata): Metadata {
  const answer = new Metadata();
  for (const name of ['x-own', 'two', 'own-bin', 'authorization'])
    for (const value of metadata.get(name)) answer.add(name.replace('authorization', 'x-auth'), value);
  answer.add('more-bin', Buffer.from([0, 255, 1]));
  answer.add('more-bin', Buffer.from([]));
  return answer;
}

function ending(): Metadata {
  const trailers = new Metadata();
  trailers.set('x-trailer', 'behind');
  trailers.add('x-many', 'a');
  trailers.add('x-many', 'b');
  trailers.set('grpc-status-details-bin', Buffer.from([8, 9, 18, 2, 104, 105, 255, 0]));
  return trailers;
}

function asked(): Metadata {
  const metadata = new Metadata();
  metadata.set('x-own', 'mine, and mine');
  metadata.add('two', 'one');
  metadata.add('two', 'two');
  metadata.set('own-bin', Buffer.from([1, 2, 3, 250, 251]));
  metadata.set('authorization', 'Bearer secret');
  return metadata;
}

function digest(body: Buffer): string {
  return `${body.length} ${createHash('sha256').update(body).digest('hex')}`;
}

describe('a call through a proxy', () => {
  const large = Buffer.alloc(300_000, 'x');
  test.each([
    ['unary', [Buffer.from('a')]],
    ['unary', [Buffer.alloc(0)]],
    ['unary', [large]],
    ['upload', ['a', 'b', 'c'].map((text) => Buffer.from(text))],
    ['upload', []],
    ['upload', Array.from({ length: 10 }, () => large)],
    ['feed', [Buffer.from('f')]],
    ['chat', Array.from({ length: 300 }, (_, at) => Buffer.from(`${at}`))],
    ['chat', []],
    ['chat', Array.from({ length: 20 }, () => large)],
  ] as const)('is what it is without one: %s %#', async (shape, bodies) => {
    await using backend = await ShapesBackend.start(TELLING);
    await using world = await ProxyWorld.start([backend.address]);
    using direct = new ShapesClient(backend.address);
    using through = new ShapesClient(world.address);
    const call = { metadata: asked(), bodies, deadlineMs: 60_000 };
    const [expected, seen] = [await direct.see(shape, call), await through.see(shape, call)];
    // The one header that says when it was.
    for (const each of [expected, seen]) delete each.headers?.['date'];
    expect({ ...seen, bodies: seen.bodies.map(digest) }).toEqual({
      ...expected,
      bodies: expected.bodies.map(digest),
    });
    expect(seen.headers).toMatchObject({
      two: ['one, two'],
      'more-bin': [Buffer.from([0, 255, 1]), Buffer.from([])],
    });
    await world.settled();
    expect(world.outcomes).toEqual([{ status: expected.code, by: 'backend' }]);
    expect(world.counters.messagesUp).toBe(shape === 'unary' || shape === 'feed' ? 1 : bodies.length);
    expect(world.counters.messagesDown).toBe(seen.bodies.length);
    expect(world.calls[0]?.heldBytes).toBe(0);
    expect(world.harness.faults).toEqual([]);
  });

  test('a status alone, of whatever number, comes as one', async () => {
    await using backend = await ShapesBackend.start({
      unary: (_call, callback) => {
        callback({ code: 77 as never, details: 'of our own', metadata: ending() });
      },
    });
    await using world = await ProxyWorld.start([backend.address]);
    using direct = new ShapesClient(backend.address);
    using through = new ShapesClient(world.address);
    const [expected, seen] = [await direct.see('unary'), await through.see('unary')];
    delete expected.trailers['date'];
    delete seen.trailers['date'];
    expect(seen).toEqual(expected);
    expect(seen.code).toBe(77);
  });

  test('a method that the backend has not is its own UNIMPLEMENTED', async () => {
    await using backend = await ShapesBackend.start({});
    await using world = await ProxyWorld.start([backend.address]);
    using through = new ShapesClient(world.address);
    expect(await through.see('unary')).toMatchObject({ code: Status.UNIMPLEMENTED });
    await world.settled();
    expect(world.outcomes).toEqual([{ status: Status.UNIMPLEMENTED, by: 'backend' }]);
  });

  test('a cancellation comes to the backend, and the connection of a client that breaks is one', async () => {
    const cancelled: string[] = [];
    await using backend = await ShapesBackend.start({
      chat: (call) => {
        call.on('data', (body: Buffer) => call.write(body));
        call.on('cancelled', () => cancelled.push(call.metadata.get('who').join()));
      },
    });
    await using world = await ProxyWorld.start([backend.address]);
    using one = new ShapesClient(world.address);
    const who = (name: string): Metadata => {
      const metadata = new Metadata();
      metadata.set('who', name);
      return metadata;
    };
    for (const name of ['cancels', 'breaks']) {
      const call = one.chat(who(name));
      call.on('error', () => undefined);
      await new Promise((resolve) => {
        call.once('data', resolve);
        call.write(Buffer.from('a'));
      });
      if (name === 'cancels') call.cancel();
      else world.harness.breakConnections();
      await until(() => cancelled.includes(name));
    }
    await world.settled();
    expect(world.outcomes).toEqual([
      { status: Status.CANCELLED, by: 'client' },
      { status: Status.CANCELLED, by: 'client' },
    ]);
  });

  test('a deadline comes to the backend, as what is left of it, and ends the call', async () => {
    let deadlineMs = 0;
    let cancelled = false;
    await using backend = await ShapesBackend.start({
      chat: (call) => {
        deadlineMs = Number(call.getDeadline()) - Date.now();
        call.on('cancelled', () => (cancelled = true));
      },
    });
    await using world = await ProxyWorld.start([backend.address]);
    using through = new ShapesClient(world.address);
    expect(await through.see('chat', { deadlineMs: 300 })).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    expect(deadlineMs).toBeGreaterThan(0);
    expect(deadlineMs).toBeLessThanOrEqual(300);
    await until(() => cancelled);
    await world.settled();
  });

  test('an end before the client is done comes behind everything that was said', async () => {
    await using backend = await ShapesBackend.start({
      chat: (call) => {
        call.once('data', () => {
          for (let at = 0; at < 50; at += 1) call.write(Buffer.alloc(10_000, at));
          call.emit('error', { code: 8, details: 'enough' });
        });
      },
    });
    await using world = await ProxyWorld.start([backend.address]);
    using through = new ShapesClient(world.address);
    const call = through.chat();
    const got: number[] = [];
    const ended = new Promise<{ code: number; details: string }>((resolve) => {
      call.on('status', resolve);
    });
    call.on('error', () => undefined);
    call.on('data', (body: Buffer) => got.push(body[9_999] as number));
    call.write(Buffer.from('go'));
    expect(await ended).toMatchObject({ code: 8, details: 'enough' });
    expect(got).toEqual(Array.from({ length: 50 }, (_, at) => at));
    await world.settled();
  });

  test('nobody there is UNAVAILABLE at once, without an address', async () => {
    const gone = await ShapesBackend.start({});
    await gone[Symbol.asyncDispose]();
    await using world = await ProxyWorld.start([gone.address]);
    using through = new ShapesClient(world.address);
    const seen = await through.see('unary', { bodies: [Buffer.from('a')] });
    expect(seen).toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'No backend can take the call now: its backend is unreachable.',
    });
    await world.settled();
    expect(world.outcomes).toMatchObject([{ by: 'backend', error: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  });

  test('a message over the limit is refused at its first bytes, and both sides hear of it', async () => {
    const seen: number[] = [];
    await using backend = await ShapesBackend.start({
      chat: (call) => {
        call.on('data', (body: Buffer) => {
          seen.push(body.length);
          call.write(Buffer.alloc(Number(body.toString().trim()) || 10));
        });
      },
    });
    await using world = await ProxyWorld.start([backend.address], { terms: { maxMessageBytes: 1000 } });
    using through = new ShapesClient(world.address);
    const up = await through.see('chat', { bodies: [Buffer.from('2'), Buffer.alloc(1001)] });
    expect(up).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details:
        'A message of the client of 1001 bytes is over the limit of 1000 bytes (proxies.it.maxMessageSize).',
    });
    const down = await through.see('chat', { bodies: [Buffer.from('7'), Buffer.from('1001')] });
    expect(down).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details:
        'A message of the backend of 1001 bytes is over the limit of 1000 bytes (proxies.it.maxMessageSize).',
    });
    expect(down.bodies.map((body) => body.length)).toEqual([7]);
    await world.settled();
  });
});
