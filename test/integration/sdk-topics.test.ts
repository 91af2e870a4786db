import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Ingest } from '../../src/client/topic/ingest.js';
import { publish } from '../../src/client/topic/publish.js';
import { Subscription } from '../../src/client/topic/subscription.js';
import type { Message } from '../../src/client/message.js';
import { SluiceError } from '../../src/core/errors.js';
import { callHost } from '../helpers/call-host.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { TopicServer } from '../helpers/topic-server.js';

const TOPIC = 'news/world';

async function take(subscription: Subscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  for (let n = 0; n < count; n += 1) texts.push((await subscription.receive())?.text ?? 'over');
  return texts;
}

describe('a gateway that does not serve them, as one of another version', () => {
  it('is told of in one sentence', async () => {
    const server = new grpc.Server();
    const port = await promisify(server.bindAsync.bind(server))(
      '127.0.0.1:0',
      grpc.ServerCredentials.createInsecure(),
    );
    onTestFinished(() => {
      server.forceShutdown();
    });
    const address = `127.0.0.1:${port}`;
    using host = callHost(address);
    const refusal = (method: string) => ({
      code: 'NOT_SUPPORTED',
      retry: 'never',
      message: `The gateway at ${address} does not serve ${method}.`,
    });
    await expect(publish(host, TOPIC, 'x')).rejects.toMatchObject(refusal('Publish'));
    await using subscription = new Subscription(host, TOPIC, {});
    await expect(subscription.receive()).rejects.toMatchObject(refusal('Subscribe'));
    // Not only the first time.
    await expect(subscription.receive()).rejects.toMatchObject(refusal('Subscribe'));
    await using ingest = new Ingest(host, 'echo', {});
    await expect(ingest.finish()).rejects.toMatchObject(refusal('Ingest'));
    await expect(ingest.send('x')).rejects.toMatchObject(refusal('Ingest'));
    host.close();
  });
});

describe('publish', () => {
  it('gives what it was told, and makes up a key of its own each time', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    const options = { key: 'k', metadata: { from: 'me' }, ttlMs: 5 };
    expect(await publish(host, TOPIC, 'one', options)).toEqual({
      sequence: 1_001,
      subscribers: 0,
      duplicate: false,
    });
    expect(await publish(host, TOPIC, Buffer.from('two'))).toMatchObject({ sequence: 1_002 });
    expect(server.published[0]).toMatchObject({ topic: TOPIC, ...options, data: Buffer.from('one') });
    const keys = server.published.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('asks again where the answer was lost, and publishes once', async () => {
    await using server = await TopicServer.start();
    await using proxy = await FaultProxy.start(server.address);
    using host = callHost(proxy.address);
    let cuts = 3;
    server.beforeAnswer = () => {
      if (cuts === 0) return false;
      cuts -= 1;
      proxy.cutAll('reset');
      return true;
    };
    expect(await publish(host, TOPIC, 'one')).toEqual({ sequence: 1_001, subscribers: 0, duplicate: true });
    expect(server.published).toHaveLength(4);
    expect(new Set(server.published.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(await publish(host, TOPIC, 'two', { idempotencyKey: 'mine' })).toMatchObject({ sequence: 1_002 });
    expect(await publish(host, TOPIC, 'two', { idempotencyKey: 'mine' })).toMatchObject({
      sequence: 1_002,
      duplicate: true,
    });
  });

  it('follows the advice: again, or never', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    server.refusals.push(new SluiceError('OVERLOADED', 'too much', { retryAfterMs: 20 }));
    const before = host.clock.now();
    expect(await publish(host, TOPIC, 'one')).toMatchObject({ sequence: 1_001 });
    expect(host.clock.now() - before).toBeGreaterThanOrEqual(19);
    server.refusals.push(new SluiceError('PERMISSION_DENIED', 'not yours'));
    await expect(publish(host, TOPIC, 'two')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: 'not yours',
    });
    expect(server.published).toHaveLength(1);
  });

  it('gives up in time, with what was wrong last', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address, { patienceMs: 300 });
    server.refusals.push(...Array.from({ length: 1_000 }, () => new SluiceError('OVERLOADED', 'too much')));
    await expect(publish(host, TOPIC, 'x')).rejects.toMatchObject({ code: 'OVERLOADED' });
    server.refusals.length = 0;
    server.beforeAnswer = () => true;
    await expect(publish(host, TOPIC, 'x', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'No gateway has answered within 50 ms.',
    });
    server.refusals.push(new SluiceError('OVERLOADED', 'too much'));
    await expect(publish(host, TOPIC, 'x', { timeoutMs: 0 })).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(host.clock.activeTimers).toBe(0);
  });

  it('tries another address where nobody answers at the first', async () => {
    await using server = await TopicServer.start();
    using host = callHost(['127.0.0.1:1', server.address]);
    expect(await publish(host, TOPIC, 'one')).toMatchObject({ sequence: 1_001 });
  });

  it('stops for a signal, and for the end of the client', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    const abort = new AbortController();
    server.beforeAnswer = () => {
      abort.abort('enough');
      return true;
    };
    await expect(publish(host, TOPIC, 'x', { signal: abort.signal })).rejects.toBe('enough');
    await expect(publish(host, TOPIC, 'x', { signal: abort.signal })).rejects.toBe('enough');
    server.beforeAnswer = () => {
      host.close();
      return true;
    };
    await expect(publish(host, TOPIC, 'x')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it.each<[what: string, options: object, message: string]>([
    ['a topic without a subject', { topic: 'news' }, 'The topic is "news": expected is "route/subject"'],
    ['a negative time to live', { ttlMs: -1 }, 'ttlMs is -1: expected is a whole number from 0'],
    [
      '65 entries of metadata',
      { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`m${n}`, ''])) },
      'metadata has 65 entries: a message may have 64',
    ],
  ])('refuses %s before anything is sent', async (_, options, message) => {
    using host = callHost('127.0.0.1:1');
    const { topic = TOPIC } = options as { readonly topic?: string };
    await expect(publish(host, topic, 'x', options)).rejects.toThrow(message);
  });
});

describe('a subscription', () => {
  it('gives what comes from now on, and what the topic has where it is asked for', async () => {
    await using server = await TopicServer.start();
    server.add(TOPIC, 'a', 'b', 'c');
    using host = callHost(server.address);
    await using recent = new Subscription(host, TOPIC, { history: 2 });
    expect(await take(recent, 2)).toEqual(['b', 'c']);
    await using all = new Subscription(host, TOPIC, { afterSequence: 1_000, overflow: 'block' });
    expect(await take(all, 3)).toEqual(['a', 'b', 'c']);
    expect(server.subscribed[1]).toMatchObject({
      topic: TOPIC,
      afterSequence: 1_000,
      history: 0,
      overflow: 1,
    });
    const { sequence } = await publish(host, TOPIC, 'd', { key: 'k', metadata: { m: '1' } });
    const message = (await recent.receive()) as Message;
    expect(message).toMatchObject({ sequence, key: 'k', more: false, text: 'd' });
    expect(message.metadata).toEqual(new Map([['m', '1']]));
  });

  it('goes on where it was over a network that breaks again and again', { timeout: 60_000 }, async () => {
    await using server = await TopicServer.start({ keep: 100_000 });
    await using proxy = await FaultProxy.start(server.address, { cuts: 20, meanBytes: 4_000 });
    using host = callHost(proxy.address);
    await using subscription = new Subscription(host, TOPIC, { history: 1 });
    server.add(TOPIC, 'first');
    expect(await take(subscription, 1)).toEqual(['first']);
    // Each may have been cut before it said where in the topic it is, and what it asked come late to the server.
    const begunBefore = proxy.cuts + proxy.connections;
    const sent = Array.from({ length: 2_000 }, (_, n) => `message ${n}`);
    server.add(TOPIC, ...sent);
    expect(await take(subscription, sent.length)).toEqual(sent);
    expect(proxy.cuts).toBeGreaterThan(5);
    const early = server.subscribed.filter(({ afterSequence }) => afterSequence <= 1_000);
    expect(early.length).toBeLessThanOrEqual(begunBefore);
    const late = server.subscribed.filter(({ afterSequence }) => afterSequence > 1_000);
    expect(new Set(late.map(({ history }) => history))).toEqual(new Set([0]));
  });

  it('misses nothing that comes while it is away, before its first message too', async () => {
    await using server = await TopicServer.start();
    await using proxy = await FaultProxy.start(server.address);
    using host = callHost(proxy.address);
    await using subscription = new Subscription(host, TOPIC, {});
    const first = subscription.receive();
    await expect.poll(() => server.subscribers).toBe(1);
    // Welcome has to come through: the subscription begins with it.
    await publish(host, 'other/topic', 'x');
    proxy.refusing = true;
    proxy.cutAll('reset');
    await expect.poll(() => server.subscribers).toBe(0);
    server.add(TOPIC, 'while away');
    proxy.refusing = false;
    expect((await first)?.text).toBe('while away');
  });

  it('tells of what is lost at its place: once by an error, or to onGap', async () => {
    await using server = await TopicServer.start({ keep: 2 });
    server.add(TOPIC, 'a', 'b', 'c', 'd');
    using host = callHost(server.address);
    await using strict = new Subscription(host, TOPIC, { afterSequence: 1_000 });
    await expect(strict.receive()).rejects.toMatchObject({
      code: 'GAP',
      scope: 'message',
      gap: { fromSequence: 1_001, toSequence: 1_002, reason: 'RESUME_EXPIRED' },
    });
    expect(await take(strict, 2)).toEqual(['c', 'd']);
    const gaps: unknown[] = [];
    await using lenient = new Subscription(host, TOPIC, {
      afterSequence: 1_001,
      onGap: (gap) => gaps.push(gap),
    });
    expect(await take(lenient, 2)).toEqual(['c', 'd']);
    expect(gaps).toEqual([{ fromSequence: 1_002, toSequence: 1_002, reason: 'RESUME_EXPIRED' }]);
  });

  it('makes the gateway wait while nobody takes what it brings', async () => {
    await using server = await TopicServer.start({ keep: 100 });
    using host = callHost(server.address);
    const gaps: number[] = [];
    await using subscription = new Subscription(host, TOPIC, {
      history: 1,
      onGap: ({ fromSequence, toSequence }) => gaps.push(toSequence - fromSequence + 1),
    });
    server.add(TOPIC, 'first');
    await take(subscription, 1);
    // Far more than any window: the server is stopped, and what it holds no longer is lost.
    const text = 'x'.repeat(20_000);
    for (let turn = 0; turn < 200; turn += 1) {
      server.add(TOPIC, ...Array.from({ length: 20 }, () => text));
      await new Promise((resolve) => setImmediate(resolve));
    }
    let taken = 0;
    while (taken + gaps.reduce((sum, lost) => sum + lost, 0) < 4_000) {
      await subscription.receive();
      taken += 1;
    }
    expect(gaps.length).toBeGreaterThan(0);
    expect(taken).toBeLessThan(1_000);
  });

  it('is closed by leaving the loop, and leaves nothing', async () => {
    await using server = await TopicServer.start();
    server.add(TOPIC, 'a', 'b', 'c');
    using host = callHost(server.address);
    for await (const { text } of new Subscription(host, TOPIC, { history: 3 })) {
      if (text === 'b') break;
    }
    await expect.poll(() => server.subscribers).toBe(0);
    const subscription = new Subscription(host, TOPIC, {});
    const waiting = subscription.receive();
    await expect(subscription.receive()).rejects.toThrow('one loop at a time');
    await subscription.close();
    expect(await waiting).toBeUndefined();
    expect(await subscription.receive()).toBeUndefined();
    expect(host.clock.activeTimers).toBe(0);
  });

  it('stops waiting for a signal, and ends with its own', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    const all = new AbortController();
    const subscription = new Subscription(host, TOPIC, { signal: all.signal });
    const one = new AbortController();
    const waiting = subscription.receive({ signal: one.signal });
    one.abort('not now');
    await expect(waiting).rejects.toBe('not now');
    await expect.poll(() => server.subscribers).toBe(1);
    server.add(TOPIC, 'a');
    expect(await take(subscription, 1)).toEqual(['a']);
    all.abort('enough');
    await expect(subscription.receive()).rejects.toBe('enough');
    await subscription.close();
    await using late = new Subscription(host, TOPIC, { signal: all.signal });
    await expect(late.receive()).rejects.toBe('enough');
    expect(host.clock.activeTimers).toBe(0);
  });

  it('ends with the client', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    const subscription = new Subscription(host, TOPIC, {});
    const waiting = subscription.receive();
    host.close();
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('gives up what nobody ever answered, and not what was once there', async () => {
    using host = callHost('127.0.0.1:1', { patienceMs: 100 });
    await using subscription = new Subscription(host, TOPIC, {});
    await expect(subscription.receive()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await using mute = await TopicServer.start({ welcomes: false });
    using hasty = callHost(mute.address, { patienceMs: 100, connectTimeoutMs: 50 });
    await using unanswered = new Subscription(hasty, TOPIC, {});
    await expect(unanswered.receive()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `The gateway at ${mute.address} has said nothing for 50 ms in answer to Subscribe.`,
    });
    await using server = await TopicServer.start();
    await using proxy = await FaultProxy.start(server.address);
    using patient = callHost(proxy.address, { patienceMs: 1 });
    await using known = new Subscription(patient, TOPIC, { history: 1 });
    server.add(TOPIC, 'a');
    expect(await take(known, 1)).toEqual(['a']);
    proxy.refusing = true;
    proxy.cutAll('reset');
    await expect.poll(() => proxy.refused).toBeGreaterThan(3);
    proxy.refusing = false;
    server.add(TOPIC, 'b');
    expect(await take(known, 1)).toEqual(['b']);
  });

  it('leaves a gateway that has fallen silent', async () => {
    await using server = await TopicServer.start({ heartbeatIntervalMs: 50 });
    using host = callHost(server.address);
    await using subscription = new Subscription(host, TOPIC, { history: 1 });
    server.add(TOPIC, 'a');
    expect(await take(subscription, 1)).toEqual(['a']);
    await expect.poll(() => server.subscribed.length, { timeout: 5_000 }).toBeGreaterThan(2);
    server.add(TOPIC, 'b');
    expect(await take(subscription, 1)).toEqual(['b']);
  });

  it('refuses a gateway of a later protocol, and bad arguments', async () => {
    await using server = await TopicServer.start({ protocolVersion: 2 });
    using host = callHost(server.address);
    await using subscription = new Subscription(host, TOPIC, {});
    await expect(subscription.receive()).rejects.toMatchObject({ code: 'NEWER_PROTOCOL' });
    expect(() => new Subscription(host, 'news/', {})).toThrow('expected is "route/subject"');
    expect(() => new Subscription(host, TOPIC, { history: 1.5 })).toThrow('history is 1.5');
    expect(() => new Subscription(host, TOPIC, { overflow: 'all' as 'block' })).toThrow(
      'overflow is "all": expected is one of block, drop-oldest',
    );
  });
});

describe('ingest', () => {
  it('gives what the route made of it', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    await using ingest = new Ingest(host, 'sums', { subject: 'today' });
    for (let n = 1; n <= 1_000; n += 1)
      await ingest.send(String(n), { key: `k${n % 2}`, metadata: { n: '1' } });
    await ingest.send('no number');
    expect(await ingest.finish()).toEqual({
      messages: 1_000,
      bytes: 2_893,
      rejected: 1,
      aggregates: new Map([['sum', 500_500]]),
    });
    expect(await ingest.finish()).toMatchObject({ messages: 1_000 });
    expect(server.uploaded.map(({ data }) => Number(data.toString()))).toEqual(
      Array.from({ length: 1_000 }, (_, n) => n + 1),
    );
    expect(server.uploaded[0]).toMatchObject({ key: 'k1', metadata: { n: '1' } });
    expect(server.metadata[0]?.getMap()).toMatchObject({ 'x-route': 'sums', 'x-subject': 'today' });
    await expect(ingest.send('1')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('waits where the route does not read, and bounds what waits', async () => {
    await using server = await TopicServer.start();
    server.holdsUploads = true;
    using host = callHost(server.address);
    await using ingest = new Ingest(host, 'sums', {});
    let sent = 0;
    const sending = (async () => {
      for (; sent < 5_000; sent += 1) await ingest.send('1'.padEnd(4_000));
    })();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(sent).toBeLessThan(1_000);
    const abort = new AbortController();
    const given = ingest.send('never', { signal: abort.signal });
    abort.abort('not now');
    await expect(given).rejects.toBe('not now');
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 600 }, () => Promise.race([ingest.send('2'), Promise.resolve('waits')])),
    ]);
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBe(0);
    await expect(ingest.send('2')).rejects.toMatchObject({ code: 'BUFFER_FULL' });
    server.release();
    await sending;
    expect(await ingest.finish()).toMatchObject({ rejected: 0 });
  });

  it('fails as a whole where the connection breaks', async () => {
    await using server = await TopicServer.start();
    await using proxy = await FaultProxy.start(server.address);
    using host = callHost(proxy.address);
    await using ingest = new Ingest(host, 'sums', {});
    await ingest.send('1');
    await expect.poll(() => server.uploaded.length).toBe(1);
    proxy.cutAll('reset');
    await expect(ingest.finish()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(ingest.send('1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('tells of a route that has had enough', async () => {
    await using server = await TopicServer.start();
    server.endsUploadsAfter = 2;
    using host = callHost(server.address);
    await using ingest = new Ingest(host, 'sums', {});
    await ingest.send('1');
    await ingest.send('2');
    expect(await ingest.finish()).toMatchObject({ messages: 2, aggregates: new Map([['sum', 3]]) });
  });

  it('is given up by disposal, by its signal, and with the client', async () => {
    await using server = await TopicServer.start();
    using host = callHost(server.address);
    {
      await using ingest = new Ingest(host, 'sums', {});
      await ingest.send('1');
    }
    const abort = new AbortController();
    const other = new Ingest(host, 'sums', { signal: abort.signal });
    const finishing = other.finish();
    abort.abort('enough');
    await expect(finishing).rejects.toBe('enough');
    const last = new Ingest(host, 'sums', {});
    host.close();
    await expect(last.finish()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => new Ingest(host, 'sums\n', {})).toThrow('route is "sums\\n": expected is printable ASCII');
  });
});
