/** Publish, Subscribe and Ingest of a real gateway, over real sockets, as clients have them. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ClientError, connect } from '../../src/client/index.js';
import { AuthFiles, staticTokens } from '../helpers/auth-calls.js';
import { bufCurl } from '../helpers/external-clients.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { seededRandom } from '../helpers/windowed-random.js';

const ROUTES = '{echo: {kind: echo}, news: {kind: topic, historyMessages: 50}}';

const newToken = (): string => randomBytes(32).toString('base64url');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Two who may do everything, one who may only read room "open", and one who may do nothing of it. */
function callers(files: AuthFiles) {
  const tokens = { ann: newToken(), bob: newToken(), reader: newToken(), nobody: newToken() };
  const all = ['*'];
  const file = files.write(
    'tokens',
    staticTokens(
      { token: tokens.ann, subject: 'ann', permissions: all },
      { token: tokens.bob, subject: 'bob', permissions: all },
      { token: tokens.reader, subject: 'reader', permissions: ['subscribe:news/open'] },
      { token: tokens.nobody, subject: 'nobody', permissions: ['open:news'] },
    ),
  );
  return { tokens, settings: { 'auth.methods': 'static', 'auth.static.file': file } };
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof ClientError ? error.code : String(error)),
  );

describe.each(STREAM_HANDLERS)('through the %s handler', (streamHandler) => {
  const gatewayWith = (settings: Settings = {}, routes = {}) =>
    startGateway({ 'server.streamHandler': streamHandler, routes: ROUTES, ...settings }, routes);

  it('Publish reaches who subscribes, in order, once a key, and says who it was', async () => {
    await using gateway = await gatewayWith();
    await using ann = connect(gateway.address, { clientId: 'ann' });
    await using bob = connect(gateway.address, { clientId: 'bob' });
    await using before = bob.subscribe('news/world', { history: 1 });
    const first = await ann.publish('news/world', 'one', {
      key: 'k',
      metadata: { mine: 'yes', 'x-from': 'eve' },
      idempotencyKey: 'first',
    });
    const message = await before.receive();
    expect(message).toMatchObject({ text: 'one', key: 'k', sequence: first.sequence });
    expect(message!.metadata.get('x-from')).toBe('ann');
    expect(message!.metadata.get('mine')).toBe('yes');
    expect(
      await ann.publish('news/world', 'one', {
        key: 'k',
        metadata: { mine: 'yes', 'x-from': 'eve' },
        idempotencyKey: 'first',
      }),
    ).toMatchObject({ sequence: first.sequence, duplicate: true });
    await ann.publish('news/world', 'two');
    expect(await before.receive()).toMatchObject({ text: 'two', sequence: first.sequence + 1 });
    await using after = bob.subscribe('news/world', { afterSequence: first.sequence });
    expect(await after.receive()).toMatchObject({ text: 'two' });
  });

  it('a session of the topic and Subscribe are of one topic', async () => {
    await using gateway = await gatewayWith();
    await using ann = connect(gateway.address, { clientId: 'ann' });
    await using bob = connect(gateway.address, { clientId: 'bob' });
    await using room = await ann.open('news', { subject: 'world' });
    await using subscription = bob.subscribe('news/world', { history: 10 });
    await room.sendAndWait('from a session');
    expect((await subscription.receive())?.text).toBe('from a session');
    expect((await room.receive())?.text).toBe('from a session');
    await bob.publish('news/world', 'by a call');
    expect((await room.receive())?.text).toBe('by a call');
  });

  it('Subscribe goes on after each cut where it was, and misses nothing', async () => {
    await using gateway = await gatewayWith({
      routes: '{news: {kind: topic, historyMessages: 1000}}',
      defaultRoute: 'news',
    });
    await using proxy = await FaultProxy.start(gateway.address);
    await using ann = connect(gateway.address, { clientId: 'ann' });
    await using bob = connect(proxy.address, { clientId: 'bob', backoff: { maxMs: 100 } });
    await using subscription = bob.subscribe('news/world', { history: 1 });
    await ann.publish('news/world', 'begin');
    expect((await subscription.receive())?.text).toBe('begin');
    const seen: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      await ann.publish('news/world', String(n));
      if (n % 20 === 10) proxy.cutAll('reset');
      if (n % 3 === 0) seen.push((await subscription.receive())!.text);
    }
    while (seen.length < 60) seen.push((await subscription.receive())!.text);
    expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => String(n)));
  });

  it('what is published again for a lost answer is there once, also of a client that has named nobody', async () => {
    await using gateway = await gatewayWith();
    await using proxy = await FaultProxy.start(gateway.address, {
      cuts: 16,
      meanBytes: 400,
      random: seededRandom(7),
    });
    await using nameless = connect(proxy.address, { backoff: { firstMs: 1, maxMs: 10 } });
    const texts = Array.from({ length: 20 }, (_, n) => String(n).padStart(2, '0'));
    for (const text of texts) await nameless.publish('news/world', text);
    expect(proxy.cuts).toBeGreaterThan(5);
    await using reader = connect(gateway.address);
    await using subscription = reader.subscribe('news/world', { history: 50 });
    await reader.publish('news/world', 'the end');
    const seen: string[] = [];
    for await (const { text } of subscription) {
      if (text === 'the end') break;
      seen.push(text);
    }
    // In no order: what a half-open connection carries comes late.
    expect(seen.sort()).toEqual(texts);
  });

  it('Ingest waits for a route that is busy, and sums up what it accepted', async () => {
    let sum = 0;
    await using gateway = await gatewayWith(
      { 'stream.receiveQueueMessages': 2 },
      {
        sum: {
          kind: 'test',
          open: () => ({
            handle: async (message: { readonly data: Uint8Array }) => {
              await new Promise((resolve) => setImmediate(resolve));
              const value = Number(Buffer.from(message.data).toString());
              if (Number.isNaN(value)) throw new Error('no number');
              sum += value;
            },
            aggregates: () => new Map([['sum', sum]]),
          }),
        },
      },
    );
    await using ann = connect(gateway.address, { clientId: 'ann' });
    await using upload = ann.ingest('sum');
    for (let n = 1; n <= 200; n += 1) await upload.send(n % 50 === 0 ? 'x' : String(n));
    expect(await upload.finish()).toEqual({
      messages: 196,
      bytes: 481,
      rejected: 4,
      aggregates: new Map([['sum', 19_600]]),
    });
  });

  it('Ingest to a topic publishes each message, and follows nothing', async () => {
    await using gateway = await gatewayWith();
    await using ann = connect(gateway.address, { clientId: 'ann' });
    await using subscription = ann.subscribe('news/world', { history: 2 });
    await using upload = ann.ingest('news', { subject: 'world' });
    await upload.send('one');
    await upload.send('two');
    expect(await upload.finish()).toMatchObject({ messages: 2, rejected: 0 });
    expect((await subscription.receive())?.text).toBe('one');
    expect((await subscription.receive())?.metadata.get('x-from')).toBe('ann');
    expect(gateway.gateway.metrics.down.admitted).toBe(2);
    await using nowhere = ann.ingest('news');
    expect(await codeOf(nowhere.finish())).toBe('INVALID_MESSAGE');
  });

  it('is drained: subscribers are told and sent away, publishers refused, an upload finishes', async () => {
    await using gateway = await gatewayWith({ 'server.drainGrace': '5s', 'server.drainQuiet': '20ms' });
    await using ann = connect(gateway.address, { clientId: 'ann' });
    await using subscription = ann.subscribe('news/world', { history: 1 });
    await ann.publish('news/world', 'one');
    expect((await subscription.receive())?.text).toBe('one');
    await using upload = ann.ingest('echo');
    await upload.send('x');
    await expect.poll(() => gateway.gateway.metrics.up.delivered).toBe(1);
    const stopped = gateway.gateway.stop();
    expect(await codeOf(ann.publish('news/world', 'two', { timeoutMs: 0 }))).toMatch(
      /^(DRAINING|UNREACHABLE|CONNECTION_LOST)$/,
    );
    expect(await upload.finish()).toMatchObject({ messages: 1, rejected: 0 });
    await stopped;
    await subscription.close();
  });

  it('who has to show who he is, and does not, is refused at once; so is who may not', async () => {
    using files = new AuthFiles();
    const { tokens, settings } = callers(files);
    await using gateway = await gatewayWith(settings);
    const refusals = async (client: ReturnType<typeof connect>) => {
      await using subscription = client.subscribe('news/closed');
      await using upload = client.ingest('echo', { subject: 's' });
      return await Promise.all([
        codeOf(client.publish('news/open', 'x')),
        codeOf(subscription.receive()),
        codeOf(upload.finish()),
      ]);
    };
    await using stranger = connect(gateway.address);
    expect(await refusals(stranger)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED']);
    await using wrong = connect(gateway.address, { token: newToken() });
    expect(await refusals(wrong)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED']);
    for (const token of [tokens.reader, tokens.nobody]) {
      await using denied = connect(gateway.address, { token });
      expect(await refusals(denied)).toEqual(['PERMISSION_DENIED', 'PERMISSION_DENIED', 'PERMISSION_DENIED']);
    }
    expect(gateway.gateway.metrics.auth.denied.get('ingest')).toBe(2);
    await using reader = connect(gateway.address, { token: tokens.reader });
    await using open = reader.subscribe('news/open', { history: 1 });
    await using ann = connect(gateway.address, { token: tokens.ann });
    await ann.publish('news/open', 'hello');
    expect((await open.receive())?.metadata.get('x-from')).toBe('ann');
  });

  it('a revoked client loses its subscriptions and uploads', async () => {
    using files = new AuthFiles();
    const { tokens, settings } = callers(files);
    await using gateway = await gatewayWith(settings);
    await using ann = connect(gateway.address, { token: tokens.ann });
    await using bob = connect(gateway.address, { token: tokens.bob });
    await using subscription = bob.subscribe('news/world', { history: 1 });
    await ann.publish('news/world', 'one');
    expect((await subscription.receive())?.text).toBe('one');
    await using upload = bob.ingest('echo');
    await upload.send('x');
    await expect.poll(() => gateway.gateway.metrics.up.delivered).toBe(1);
    const listed = (await (await fetch(`${gateway.admin}/connections`)).json()) as {
      readonly connections: readonly {
        readonly method: string;
        readonly clientId: string;
        readonly kind: string;
      }[];
    };
    expect(
      listed.connections.map(({ method, clientId, kind }) => `${method} ${clientId} ${kind}`).sort(),
    ).toEqual(['Ingest bob call', 'Subscribe bob call']);
    const answer = await fetch(`${gateway.admin}/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subject: 'bob' }),
    });
    expect(answer.ok).toBe(true);
    expect(await codeOf(subscription.receive())).toBe('UNAUTHENTICATED');
    expect(await codeOf(upload.finish())).toBe('UNAUTHENTICATED');
  });

  it('subscriptions and uploads count as connections of their client, calls of Publish do not', async () => {
    await using gateway = await gatewayWith({ 'pool.maxConnectionsPerClient': 2 });
    await using ann = connect(gateway.address, { clientId: 'ann' });
    const [one, two] = [ann.subscribe('news/a', { history: 1 }), ann.subscribe('news/b', { history: 1 })];
    await expect.poll(() => gateway.gateway.connections).toBe(2);
    await using three = ann.ingest('echo');
    expect(await codeOf(three.finish())).toBe('CLIENT_LIMIT');
    await Promise.all(Array.from({ length: 20 }, (_, n) => ann.publish('news/a', String(n))));
    expect((await one.receive())?.text).toBe('0');
    await one.close();
    await two.close();
  });

  it('answers clients that nobody here wrote', async () => {
    await using gateway = await gatewayWith({ 'stream.heartbeatInterval': '100ms' });
    const { address } = gateway;
    const published = await bufCurl({
      address,
      method: 'Publish',
      lines: [{ topic: 'news/world', data: base64('hello'), idempotencyKey: 'k1' }],
      headers: { 'x-client-id': 'ann' },
    });
    expect(published.error).toBeUndefined();
    const { sequence } = published.messages[0] as { readonly sequence: string };
    const first = BigInt(sequence);
    const summary = await bufCurl({
      address,
      method: 'Ingest',
      lines: [{ data: base64('a') }, { sessionId: 'any', data: base64('bc') }],
      headers: { 'x-route': 'echo' },
    });
    expect(summary.messages).toEqual([{ messages: '2', bytes: '3' }]);
    let seen = 0;
    const following = bufCurl({
      address,
      method: 'Subscribe',
      lines: [{ topic: 'news/world', history: 1 }],
      headers: { 'x-client-id': 'bob' },
      onMessage: () => {
        seen += 1;
      },
    });
    await expect.poll(() => seen, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
    const unknown = await bufCurl({
      address,
      method: 'Publish',
      lines: [{ topic: 'nowhere/x' }],
    });
    expect(unknown.error).toMatchObject({
      code: 'not_found',
      message: 'no route "nowhere" is configured (routes)',
    });
    await gateway.gateway.stop();
    const followed = await following;
    const [welcome, message, heartbeat] = followed.messages as readonly Record<string, unknown>[];
    expect(welcome).toMatchObject({ type: 'MESSAGE_TYPE_CONTROL', sequence: String(first - 1n) });
    expect(message).toMatchObject({ type: 'MESSAGE_TYPE_DATA', sequence, data: base64('hello') });
    expect(heartbeat).toMatchObject({ type: 'MESSAGE_TYPE_HEARTBEAT', sequence });
    expect(followed.messages).toContainEqual(
      expect.objectContaining({
        control: { drain: expect.objectContaining({ reason: 'gateway: leaving' }) as object },
      }),
    );
    expect(followed.error).toMatchObject({ code: 'unavailable' });
  });
});
