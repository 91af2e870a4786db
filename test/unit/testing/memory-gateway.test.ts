import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/mistake.js';
import type { Route } from '../../../src/session/route.js';
import { FakeClock, memoryGateway } from '../../../src/testing/index.js';

const upper: Route = {
  kind: 'upper',
  open: (session) => ({
    handle: ({ data }) => session.send({ data: Buffer.from(Buffer.from(data).toString().toUpperCase()) }),
  }),
};

describe('memoryGateway', () => {
  it('serves routes of its own, by name or by default, and echo', async () => {
    await using gateway = memoryGateway({ routes: { upper } });
    await using client = gateway.connect();
    for (const [route, answer] of [
      ['upper', 'ONE'],
      ['', 'ONE'],
      ['echo', 'one'],
    ] as const) {
      await using session = await client.open(route);
      await session.send('one');
      expect((await session.receive())?.text).toBe(answer);
    }
    await using other = memoryGateway({ routes: { upper, lower: upper } });
    await using session = await other.connect().open();
    await session.send('one');
    expect((await session.receive())?.text).toBe('one');
    await expect(other.connect().open('none')).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE' });
  });

  it('takes settings as flags give them, and no others', async () => {
    await using gateway = memoryGateway({ settings: { 'session.maxPerConnection': 1 } });
    await using client = gateway.connect({ maxStreams: 1, openTimeoutMs: 0 });
    await using _first = await client.open();
    await expect(client.open()).rejects.toMatchObject({ code: 'SESSION_LIMIT' });
    expect(() => memoryGateway({ settings: { 'session.maxPerConection': 1 } })).toThrow(ConfigError);
  });

  it('breaks connections without breaking sessions, and tells what it carried', async () => {
    await using gateway = memoryGateway();
    await using client = gateway.connect();
    await using session = await client.open('echo');
    for (let n = 0; n < 50; n += 1) {
      await session.send(String(n));
      if (n % 7 === 0) gateway.breakConnections();
      expect((await session.receive())?.text).toBe(String(n));
    }
    expect(gateway.account).toMatchObject({
      sessions: 1,
      up: { admitted: 50, delivered: 50, dropped: 0, pending: 0 },
      down: { admitted: 50, delivered: 49, dropped: 0, pending: 1 },
    });
  });

  it('forgets everything when it is restarted', async () => {
    await using gateway = memoryGateway();
    await using client = gateway.connect();
    await using strict = await client.open('echo');
    const resets: number[] = [];
    await using lenient = await client.open('echo', {
      onReset: ({ unsettled }) => resets.push(unsettled.length),
    });
    const { gateway: before } = gateway;
    await gateway.restart();
    expect(gateway.gateway).not.toBe(before);
    expect(before.sessions).toBe(0);
    expect((await strict.closed).error).toMatchObject({ code: 'RESET' });
    await lenient.sendAndWait('after').catch(() => undefined);
    await lenient.sendAndWait('again');
    expect(resets).toHaveLength(1);
    expect(gateway.account.sessions).toBe(1);
  });

  it('is unreachable, or silent, when a test wants it to be', async () => {
    await using gateway = memoryGateway();
    await using client = gateway.connect({ openTimeoutMs: 0 });
    gateway.unreachable = true;
    expect(gateway.unreachable).toBe(true);
    await expect(client.open()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    gateway.unreachable = false;
    await using session = await client.open('echo');
    gateway.frozen = true;
    expect(gateway.frozen).toBe(true);
    await session.send('held');
    let answer: string | undefined;
    const answered = session.receive().then((message) => (answer = message?.text));
    for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(answer).toBeUndefined();
    gateway.frozen = false;
    await answered;
    expect(answer).toBe('held');
  });

  it('leaves in good order', async () => {
    await using gateway = memoryGateway({ settings: { 'server.drainGrace': '5s' } });
    await using client = gateway.connect();
    await using session = await client.open('echo');
    await session.sendAndWait('a');
    const stopped = gateway.stop();
    expect((await session.receive())?.text).toBe('a');
    expect(await session.receive().catch((error: unknown) => error)).toMatchObject({ code: 'DRAINING' });
    await stopped;
  });

  it('serves topics and uploads', async () => {
    await using gateway = memoryGateway({
      settings: { routes: '{echo: {kind: echo}, news: {kind: topic}}' },
    });
    await using client = gateway.connect();
    await using subscription = client.subscribe('news/world', { history: 1 });
    const { sequence } = await client.publish('news/world', 'one');
    expect(await subscription.receive()).toMatchObject({ text: 'one', sequence });
    gateway.breakConnections();
    await client.publish('news/world', 'two');
    expect((await subscription.receive())?.text).toBe('two');
    await using upload = client.ingest('echo');
    await upload.send('x');
    expect(await upload.finish()).toMatchObject({ messages: 1, bytes: 1, rejected: 0 });
    await expect(client.publish('a/b', 'x')).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE' });
  });

  it('makes a subscription wait that is not read, and a publisher under block', async () => {
    await using gateway = memoryGateway({
      settings: {
        routes: '{echo: {kind: echo}, news: {kind: topic, overflow: block}}',
        'stream.sendQueueMessages': 4,
        'stream.sendBufferSize': '1KiB',
      },
    });
    await using client = gateway.connect();
    const subscription = client.subscribe('news/world', { history: 1 });
    await client.publish('news/world', 'first');
    const payload = 'x'.repeat(20_000);
    let published = 0;
    const publishing = (async () => {
      for (let n = 0; n < 100; n += 1) {
        await client.publish('news/world', payload, { timeoutMs: 20_000 });
        published += 1;
      }
    })();
    await expect.poll(() => gateway.gateway.calls.publishes.held).toBe(1);
    expect(published).toBeLessThan(80);
    for (let n = 0; n <= 100; n += 1) await subscription.receive();
    await publishing;
    await subscription.close();
  });

  it('closes its clients with it, and leaves nothing', async () => {
    const gateway = memoryGateway();
    const session = await gateway.connect().open('echo');
    await session.send('unread');
    await gateway[Symbol.asyncDispose]();
    await expect(session.send('more')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(gateway.account).toMatchObject({
      connections: 0,
      sessions: 0,
      up: { pending: 0 },
      down: { pending: 0 },
    });
    await gateway[Symbol.asyncDispose]();
  });
});

describe('memoryGateway with a FakeClock', () => {
  it('does what needs no time by itself, and the rest when time is moved', async () => {
    const clock = new FakeClock({ immediates: 'run' });
    await using gateway = memoryGateway({
      clock,
      settings: { 'session.resumeWindow': '1m', 'session.idleTimeout': 0 },
    });
    await using client = gateway.connect();
    const session = await client.open('echo');
    await session.send('one');
    expect((await session.receive())?.text).toBe('one');
    // A day of heartbeats and probes.
    const startedAt = clock.now();
    await clock.advanceAsync(86_400_000);
    expect(clock.now() - startedAt).toBe(86_400_000);
    await session.send('two');
    expect((await session.receive())?.text).toBe('two');
    gateway.unreachable = true;
    gateway.breakConnections();
    await clock.advanceAsync(61_000);
    expect(gateway.account.sessions).toBe(0);
    gateway.unreachable = false;
    expect((await clock.until(session.closed)).error).toMatchObject({ code: 'RESET' });
  });

  it('leaves no timer', async () => {
    const clock = new FakeClock({ immediates: 'run' });
    {
      await using gateway = memoryGateway({ clock });
      const client = gateway.connect();
      await (await client.open('echo')).send('x');
      gateway.frozen = true;
      await gateway.restart();
    }
    await clock.settle();
    expect(clock.pending).toBe(0);
  });

  it('can hold everything until it is told to go on', async () => {
    const clock = new FakeClock();
    await using gateway = memoryGateway({ clock });
    await using client = gateway.connect();
    const session = await clock.until(client.open('echo'));
    const answer = session.receive();
    void session.send('x');
    expect((await clock.until(answer))?.text).toBe('x');
  });
});
