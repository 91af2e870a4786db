/** What stands around a route, in a whole gateway: its clients see what docs/module-routes.md says. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientError } from '../../src/client/index.js';
import { defineMiddleware, defineRoute, SluiceError, type DefinedRoute } from '../../src/index.js';
import { memoryGateway, type MemoryGateway, type MemoryGatewayOptions } from '../../src/testing/index.js';
import { Held } from '../helpers/gate.js';
import { settled } from '../helpers/settled.js';

const gateways: MemoryGateway[] = [];

function start(routes: object, options: MemoryGatewayOptions = {}): MemoryGateway {
  const settings = { ...options.settings, routes: JSON.stringify({ echo: { kind: 'echo' }, ...routes }) };
  const gateway = memoryGateway({ ...options, settings });
  gateways.push(gateway);
  return gateway;
}

/** All accounts balance, and nothing is left. */
afterEach(async () => {
  for (const gateway of gateways.splice(0)) {
    await gateway[Symbol.asyncDispose]();
    const { up, down, sessions, connections } = gateway.account;
    expect({ sessions, connections, up: up.pending, down: down.pending }).toEqual({
      ...{ sessions: 0, connections: 0, up: 0, down: 0 },
    });
    for (const flow of [up, down]) expect(flow.admitted).toBe(flow.delivered + flow.dropped);
  }
});

const COUNT = 5_000;

/** Sends more than the client takes, as fast as it may, and counts what it made. */
function flood(made: { count: number }): DefinedRoute {
  return defineRoute({
    *message() {
      for (let n = 1; n <= COUNT; n += 1) {
        made.count = n;
        yield { data: String(n), key: 'k' };
      }
    },
  });
}

describe('a handler that sends faster than the client takes', () => {
  const bounds = { 'session.waitingMessages': 100 };
  const window = { messages: 64 };

  it('block: it is held, and everything arrives', async () => {
    const made = { count: 0 };
    const gateway = start({}, { routes: { flood: flood(made) }, settings: bounds });
    const session = await gateway.connect().open('flood', { window });
    await session.send('go');
    // In flight, waiting, and the one that waits for room.
    expect(await settled(() => made.count)).toBeLessThanOrEqual(64 + 100 + 1);
    for (let n = 1; n <= COUNT; n += 1) expect((await session.receive())?.text).toBe(String(n));
    await session.close();
  });

  it.each([
    ['drop-oldest', 'last'],
    ['drop-newest', 'first'],
    ['conflate', 'last'],
  ] as const)('%s: it is never held, what is dropped is told, the %s ones arrive', async (overflow, kept) => {
    const made = { count: 0 };
    const gateway = start({}, { routes: { flood: flood(made) }, settings: bounds });
    let missed = 0;
    const session = await gateway.connect().open('flood', {
      ...{ window, overflow },
      onGap: ({ fromSequence, toSequence }) => (missed += toSequence - fromSequence + 1),
    });
    await session.sendAndWait('go');
    expect(made.count).toBe(COUNT);
    const received: number[] = [];
    void (async () => {
      for await (const { text } of session) received.push(Number(text));
    })().catch(() => undefined);
    await expect.poll(() => received.length + missed).toBe(COUNT);
    expect(received).toEqual([...received].sort((a, b) => a - b));
    expect(received.length).toBeLessThanOrEqual(64 + 100);
    if (kept === 'last') expect(received.at(-1)).toBe(COUNT);
    else expect(received).toEqual(received.map((_, n) => n + 1));
    await session.close();
  });

  it('disconnect: its session ends SLOW_CONSUMER, its generator is closed, others go on', async () => {
    const made = { count: 0 };
    const gateway = start({}, { routes: { flood: flood(made) }, settings: bounds });
    const client = gateway.connect();
    const session = await client.open('flood', { window, overflow: 'disconnect' });
    await using other = await client.open('echo');
    await session.send('go');
    expect((await session.closed).error).toMatchObject({ code: 'SLOW_CONSUMER' });
    expect(made.count).toBeLessThanOrEqual(64 + 100 + 1);
    await other.send('still here');
    expect((await other.receive())?.text).toBe('still here');
  });
});

describe('a handler that', () => {
  const rejected = (work: Promise<unknown>): Promise<ClientError> =>
    work.then(
      () => Promise.reject(new Error('it was handled')),
      (error: unknown) => error as ClientError,
    );

  it('never returns fails its message after the timeout, and the session goes on', async () => {
    const gateway = start({ stuck: { kind: 'conformance', timeout: '50ms' } });
    const session = await gateway.connect().open('stuck');
    const error = await rejected(session.sendAndWait('x', { metadata: { never: '' } }));
    expect(error).toMatchObject({
      code: 'ROUTE_TIMEOUT',
      message: expect.stringContaining('routes.stuck.timeout'),
    });
    await session.sendAndWait('y', { metadata: { accept: '' } });
  });

  it('is slow, throws, or is slow and throws, keeps the order', async () => {
    const gateway = start(
      {},
      {
        routes: {
          odd: defineRoute({
            async message({ text }) {
              if (text.includes('slow')) await new Promise((resolve) => setImmediate(resolve));
              if (text.includes('throw')) throw new SluiceError('ROUTE_FAILED', text);
              return text;
            },
          }),
        },
      },
    );
    const failures: string[] = [];
    const session = await gateway
      .connect()
      .open('odd', { onFailure: ({ message }) => failures.push(message) });
    for (const text of ['1', '2 slow', '3 throw', '4 slow throw', '5']) await session.send(text);
    const received: string[] = [];
    for (let n = 0; n < 3; n += 1) received.push((await session.receive())?.text ?? '');
    expect([received, failures]).toEqual([
      ['1', '2 slow', '5'],
      ['3 throw', '4 slow throw'],
    ]);
  });

  it('returns after its session ended has no effect on anything', async () => {
    const held = new Held<string>();
    const gateway = start({}, { routes: { late: defineRoute({ message: () => held.promise }) } });
    const session = await gateway.connect().open('late');
    await session.send('x');
    await expect.poll(() => gateway.account.up.pending).toBe(1);
    await session.close({ signal: AbortSignal.abort() });
    await gateway.gateway.destroy();
    held.resolve('too late');
    await held.promise;
    expect(gateway.account.up.dropped).toBe(1);
  });

  it('fails is tried again as often as it may, and what comes behind it waits', async () => {
    const gateway = start({
      flaky: { kind: 'conformance', retries: 3, retryBackoff: '1ms', retryMaxBackoff: '2ms' },
    });
    const session = await gateway.connect().open('flaky');
    const error = rejected(session.sendAndWait('1', { metadata: { fail: 'no' } }));
    await session.send('2');
    expect(await error).toMatchObject({ code: 'ROUTE_FAILED', message: 'no' });
    expect((await session.receive())?.text).toBe('2');
  });

  it('what it fails on for good goes to the dead letter, and counts as accepted', async () => {
    const letters: string[] = [];
    const gateway = start(
      {
        orders: { kind: 'conformance', deadLetter: 'graves/of orders' },
        strict: { kind: 'conformance', deadLetter: 'graves', deadLetterOutcome: 'failed' },
        // Replaced by the one below, which is there to look at.
        graves: { kind: 'echo' },
      },
      {
        routes: {
          graves: defineRoute({
            message: ({ text, metadata }, { subject, clientId }) => {
              letters.push(
                [clientId, subject, text, metadata.get('x-error'), metadata.get('x-client-id')].join('|'),
              );
            },
          }),
        },
        defaultRoute: 'echo',
      },
    );
    const client = gateway.connect({ clientId: 'ann' });
    const session = await client.open('orders');
    await session.sendAndWait('one', { metadata: { fail: 'bad order' } });
    const strict = await client.open('strict');
    const error = await rejected(strict.sendAndWait('two', { metadata: { fail: 'bad too' } }));
    expect(error).toMatchObject({ code: 'ROUTE_FAILED', message: 'bad too' });
    expect(letters).toEqual(['sluice|of orders|one|bad order|ann', 'sluice|strict|two|bad too|ann']);
  });

  it('goes to a topic as dead letter is published there, with who it came from', async () => {
    const gateway = start({
      orders: { kind: 'conformance', deadLetter: 'graves' },
      graves: { kind: 'topic' },
    });
    const reader = await gateway.connect().open('graves', { subject: 'orders' });
    const session = await gateway.connect({ clientId: 'ann' }).open('orders');
    await session.sendAndWait('one', { metadata: { fail: 'bad order' } });
    const letter = await reader.receive();
    expect(letter?.text).toBe('one');
    expect(Object.fromEntries(letter?.metadata ?? [])).toMatchObject({
      ...{ 'x-error': 'bad order', 'x-error-code': 'ROUTE_FAILED', 'x-route': 'orders', 'x-from': 'ann' },
    });
  });

  it('has messages acknowledged as it gets them holds one at most, in order', async () => {
    const gateway = start({ eager: { kind: 'conformance', acknowledge: 'received' } });
    const session = await gateway.connect().open('eager');
    await session.sendAndWait('1', { metadata: { hold: 'h' } });
    let second = false;
    const accepted = session.sendAndWait('2').then(() => (second = true));
    await settled(() => gateway.account.up.pending);
    expect(second).toBe(false);
    const other = await gateway.connect().open('eager');
    await other.sendAndWait('go', { metadata: { release: 'h' } });
    await accepted;
    expect([(await session.receive())?.text, (await session.receive())?.text]).toEqual(['1', '2']);
  });

  it('takes no more sessions than it may, no larger messages', async () => {
    const gateway = start({ small: { kind: 'echo', maxSessions: 1, maxMessageSize: '4B' } });
    const client = gateway.connect({ openTimeoutMs: 0 });
    const session = await client.open('small');
    await expect(client.open('small')).rejects.toMatchObject({
      code: 'SESSION_LIMIT',
      message: expect.stringContaining('routes.small.maxSessions = 1'),
    });
    expect(await rejected(session.sendAndWait('12345'))).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await session.send('1234');
    expect((await session.receive())?.text).toBe('1234');
    await session.close();
    await client.open('small');
  });
});

describe('middleware of a gateway', () => {
  it('is around every route, within which that of one', async () => {
    const mark = (name: string) =>
      defineMiddleware({
        message: ({ text }, { routeName }, next) => next({ data: `${text} ${name}:${routeName}` }),
      });
    const gateway = start(
      {},
      {
        routes: { mine: defineRoute({ middleware: [mark('own')], message: ({ text }) => text }) },
        middleware: [mark('a'), mark('b')],
        defaultRoute: 'echo',
      },
    );
    const client = gateway.connect();
    for (const [route, answer] of [
      ['echo', 'x a:echo b:echo'],
      ['mine', 'x a:mine b:mine own:mine'],
    ] as const) {
      const session = await client.open(route);
      await session.send('x');
      expect((await session.receive())?.text).toBe(answer);
    }
  });

  it('may refuse a session, and sees how a message ended', async () => {
    const ends: string[] = [];
    const guard = defineMiddleware({
      open({ subject }, next) {
        if (subject === 'secret') throw new SluiceError('PERMISSION_DENIED', 'not that');
        next();
      },
      async message({ text }, _session, next) {
        try {
          await next();
          ends.push(`${text} handled`);
        } catch (error) {
          ends.push(`${text} failed`);
          throw error;
        }
      },
    });
    const gateway = start({ c: { kind: 'conformance' } }, { middleware: [guard] });
    const client = gateway.connect();
    await expect(client.open('c', { subject: 'secret' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    const session = await client.open('c');
    await session.sendAndWait('a', { metadata: { accept: '' } });
    await session.sendAndWait('b', { metadata: { fail: 'no' } }).catch(() => undefined);
    expect(ends).toEqual(['a handled', 'b failed']);
  });
});

it('a configured module route without a start says so', async () => {
  const gateway = start({ mine: { kind: 'module', path: 'none.js' } });
  const client = gateway.connect({ openTimeoutMs: 0 });
  await expect(client.open('mine')).rejects.toMatchObject({
    code: 'ROUTE_FAILED',
    message: expect.stringContaining('it was not started'),
  });
});
