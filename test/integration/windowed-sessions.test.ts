/** Opened sessions over real gRPC: what whoever writes a client, or a route, sees of them. */
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import type { Route, RouteSession } from '../../src/session/route.js';
import type { DataMessage, Opened } from '../../src/wire/messages.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway } from '../helpers/gateway.js';
import { settled } from '../helpers/settled.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { WindowedClient } from '../helpers/windowed-client.js';
import type { SessionOptions } from '../helpers/windowed-session.js';
import { type Connector, grpcConnector } from '../helpers/windowed-transport.js';

const never = (): Promise<void> => new Promise(() => undefined);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const textOf = ({ data }: DataMessage): string => Buffer.from(data).toString();
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** What an application keeps of a session. */
function journal() {
  const received: string[] = [];
  const fates: string[] = [];
  const opened: Opened[] = [];
  return {
    received,
    fates,
    opened,
    options: {
      onMessage: (message) => void received.push(textOf(message)),
      onSettled: (sequence, error) => void fates.push(`${sequence} ${error?.code ?? 'accepted'}`),
      onOpened: (answer) => void opened.push(answer),
      onGap: ({ fromSequence, toSequence, reason }) =>
        void received.push(`gap ${fromSequence}-${toSequence} ${reason}`),
    } satisfies SessionOptions,
  };
}

function clientOf(connect: Connector): WindowedClient {
  return new WindowedClient({ connect, backoff: { firstMs: 1, mostMs: 50 } });
}

async function sendNumbers(
  session: { send(data: Uint8Array): Promise<number> },
  from: number,
  to: number,
): Promise<void> {
  for (const text of numbers(from, to)) await session.send(Buffer.from(text));
}

/** Holds each message until it is released, then echoes it; notes what it handled. */
function holdingRoute(): Route & { readonly handled: string[]; release(): void } {
  const handled: string[] = [];
  let release: () => void = () => undefined;
  let held: Promise<void> | undefined;
  return {
    kind: 'holding',
    handled,
    release: () => {
      release();
      held = Promise.resolve();
    },
    open: (session) => ({
      async handle(message) {
        held ??= new Promise((resolve) => (release = resolve));
        await held;
        handled.push(textOf(message));
        await session.send({ data: message.data });
      },
    }),
  };
}

describe.each(STREAM_HANDLERS)('opened sessions, through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  describe.each(['StreamData', 'StreamBatches'] as const)('%s', (method) => {
    it('are answered, acknowledged and closed', async () => {
      await using server = await startGateway(settings);
      using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann', method }));
      const { received, fates, opened, options } = journal();
      const session = await client.opened('s', { ...options, route: 'echo' });
      await sendNumbers(session, 1, 1_000);
      expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
      expect(opened).toMatchObject([{ resumed: false, windowMessages: 256, windowBytes: 1 << 20 }]);
      expect(opened[0]?.resumeToken).toHaveLength(16);
      expect(received).toEqual(numbers(1, 1_000));
      expect(fates).toEqual(numbers(1, 1_000).map((n) => `${n} accepted`));
      await expect.poll(() => server.gateway.sessions).toBe(0);
    });

    it('go on when their connection is destroyed, however that is', async () => {
      await using server = await startGateway(settings);
      await using proxy = await FaultProxy.start(server.address);
      using client = clientOf(grpcConnector({ address: proxy.address, clientId: 'ann', method }));
      const { received, fates, opened, options } = journal();
      const session = await client.opened('s', { ...options, route: 'echo' });
      const kinds = ['reset', 'fin', 'half-open'] as const;
      for (const [i, kind] of kinds.entries()) {
        await sendNumbers(session, i * 300 + 1, i * 300 + 300);
        await expect.poll(() => received.length).toBeGreaterThan(i * 300 + 100);
        proxy.cutAll(kind);
        await expect.poll(() => opened.length).toBe(i + 2);
      }
      expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
      expect(received).toEqual(numbers(1, 900));
      expect(fates).toEqual(numbers(1, 900).map((n) => `${n} accepted`));
      expect(opened.map(({ resumed }) => resumed)).toEqual([false, true, true, true]);
      expect(new Set(opened.map(({ resumeToken }) => Buffer.from(resumeToken).toString('hex'))).size).toBe(1);
      expect(server.gateway.metrics.up.delivered).toBe(900);
    });
  });

  it('go to whoever brings the token; the older process is told', async () => {
    const route = holdingRoute();
    await using server = await startGateway(settings, { holding: route });
    const connect = grpcConnector({ address: server.address, clientId: 'ann' });
    using first = clientOf(connect);
    using second = clientOf(connect);
    const before = await first.opened('s', { route: 'holding' });
    await sendNumbers(before, 1, 3);
    const { received, fates, opened, options } = journal();
    const after = await second.opened('s', { ...options, memory: before.memory });
    expect(await before.over).toMatchObject({ code: 'TAKEN_OVER' });
    route.release();
    await sendNumbers(after, 4, 6);
    expect(await after.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(opened).toMatchObject([{ resumed: true }]);
    expect(route.handled).toEqual(numbers(1, 6));
    expect(received).toEqual(numbers(1, 6));
    expect(fates).toEqual(numbers(1, 6).map((n) => `${n} accepted`));
  });

  it('are not given to who brings another token, nor opened twice', async () => {
    await using server = await startGateway(settings);
    const connect = grpcConnector({ address: server.address, clientId: 'ann' });
    using first = clientOf(connect);
    using second = clientOf(connect);
    const session = await first.opened('s', { route: 'echo' });
    const memory = { ...session.memory, token: new Uint8Array(16).fill(7) };
    expect(await second.open('s', { memory }).over).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(await second.open('s', { route: 'echo' }).over).toMatchObject({ code: 'SESSION_IN_USE' });
    await sendNumbers(session, 1, 10);
    expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
  });

  it('resume when the network falls silent, before the gateway knows of it', async () => {
    await using server = await startGateway(settings);
    await using frozen = await FaultProxy.start(server.address);
    const clientId = 'ann';
    let connections = 0;
    using client = clientOf((events) => {
      connections += 1;
      const { address } = connections === 1 ? frozen : server;
      return grpcConnector({ address, clientId })(events);
    });
    const { received, opened, options } = journal();
    const session = await client.opened('s', { ...options, route: 'echo' });
    await sendNumbers(session, 1, 50);
    frozen.freeze();
    await sendNumbers(session, 51, 200);
    await expect.poll(() => opened.length, { timeout: 20_000 }).toBe(2);
    expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(received).toEqual(numbers(1, 200));
  });

  it('do not stop each other: two are stuck, one in each direction, the third is not', async () => {
    let taken = 0;
    const flood: Route = {
      kind: 'flood',
      open: (session) => ({
        handle: async () => {
          for (;;) {
            await session.send({ data: Buffer.alloc(1_000) });
            taken += 1;
          }
        },
      }),
    };
    const deaf: Route = { kind: 'deaf', open: () => ({ handle: never }) };
    await using server = await startGateway(settings, { flood, deaf });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    let came = 0;
    const reader = await client.opened('reader', {
      route: 'flood',
      window: { messages: 8, bytes: 1 << 20 },
      onMessage: () => {
        came += 1;
        return never();
      },
    });
    await reader.send(Buffer.from('go'));
    const writer = await client.opened('writer', { route: 'deaf' });
    const stuck: Promise<unknown> = sendNumbers(writer, 1, 10_000).catch((error: unknown) => error);
    await expect.poll(() => writer.unacknowledged).toBe(256);
    await settled(() => taken);

    const { received, options } = journal();
    const lively = await client.opened('lively', { ...options, route: 'echo' });
    await sendNumbers(lively, 1, 3_000);
    expect(await lively.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(received).toEqual(numbers(1, 3_000));

    // The application holds one message, seven wait behind it; the gateway keeps its bound for what waits, and no more.
    expect([came, reader.unconsumed]).toEqual([1, 7]);
    expect(taken).toBeGreaterThanOrEqual(8);
    expect(taken).toBeLessThanOrEqual(8 + 512 + 1);
    expect(server.gateway.metrics.down.pending).toBeLessThanOrEqual(8 + 512 + 1);
    expect(server.gateway.metrics.up.pending).toBeLessThanOrEqual(256 + 1);
    client.stop();
    expect(await stuck).toBeInstanceOf(Error);
  });

  it('with a route that answers nothing but acks and Errors', async () => {
    let sum = 0;
    const ingest: Route = {
      kind: 'ingest',
      open: () => ({
        handle(message) {
          const n = Number(textOf(message));
          if (n % 10 === 0) throw new SluiceError('ROUTE_FAILED', `${n} is round`);
          sum += n;
        },
      }),
    };
    await using server = await startGateway(settings, { ingest });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    const { received, fates, options } = journal();
    const session = await client.opened('s', { ...options, route: 'ingest' });
    await sendNumbers(session, 1, 2_000);
    // Acks alone make room for the next 1,744, and come without anything to ride on.
    await expect.poll(() => fates.length).toBe(2_000);
    expect(fates).toEqual(
      numbers(1, 2_000).map((n) => `${n} ${n.endsWith('0') ? 'ROUTE_FAILED' : 'accepted'}`),
    );
    expect(received).toEqual([]);
    expect(sum).toBe((2_000 * 2_001) / 2 - (10 * 200 * 201) / 2);
    expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
  });

  it('are closed behind everything: what was sent is handled, what the route sent is consumed', async () => {
    const slow: Route = {
      kind: 'slow',
      open: (session) => ({
        async handle(message) {
          await turn();
          for (const part of ['a', 'b']) await session.send({ data: Buffer.from(textOf(message) + part) });
        },
      }),
    };
    await using server = await startGateway(settings, { slow });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    const { received, fates, options } = journal();
    const session = await client.opened('s', {
      ...options,
      ...{ route: 'slow', window: { messages: 3, bytes: 1_000 } },
      onMessage: async (message) => {
        await turn();
        received.push(textOf(message));
      },
    });
    await sendNumbers(session, 1, 200);
    expect(await session.close()).toEqual({ code: '', reason: '', retryAfterMs: 0, unsettled: 0 });
    expect(received).toEqual(numbers(1, 200).flatMap((n) => [`${n}a`, `${n}b`]));
    expect(fates).toHaveLength(200);
  });

  it('detach when their client half-closes, and wait for it', async () => {
    const sessions: RouteSession[] = [];
    const pushing: Route = {
      kind: 'pushing',
      open: (session) => {
        sessions.push(session);
        return { handle: () => undefined };
      },
    };
    await using server = await startGateway(settings, { pushing });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    const { received, fates, opened, options } = journal();
    const session = await client.opened('s', { ...options, route: 'pushing' });
    await sendNumbers(session, 1, 20);
    await expect.poll(() => fates.length).toBe(20);
    await client.detach();
    expect([...client.connectionEnds]).toEqual([['status 0', 1]]);
    await expect.poll(() => server.gateway.connections).toBe(0);
    expect(server.gateway.sessions).toBe(1);
    for (const text of numbers(1, 5)) await sessions[0]?.send({ data: Buffer.from(text) });
    client.connect();
    await expect.poll(() => received).toEqual(numbers(1, 5));
    expect(opened.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(sessions).toHaveLength(1);
  });

  it('move to a new connection when theirs has grown old', async () => {
    await using server = await startGateway({ ...settings, 'server.maxStreamAge': '150ms' });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    const { received, opened, options } = journal();
    const session = await client.opened('s', { ...options, route: 'echo' });
    let sent = 0;
    while (opened.length < 4) {
      await sendNumbers(session, sent + 1, sent + 10);
      sent += 10;
      await expect.poll(() => received.length).toBe(sent);
    }
    expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(received).toEqual(numbers(1, sent));
  });

  it('are told when the gateway leaves, once nothing is left to do for them', async () => {
    const route = holdingRoute();
    await using server = await startGateway({ ...settings, 'server.drainGrace': '20s' }, { holding: route });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    const idle = await client.opened('idle', { route: 'echo' });
    const { received, fates, options } = journal();
    const busy = await client.opened('busy', { ...options, route: 'holding' });
    await sendNumbers(busy, 1, 3);
    await expect.poll(() => server.gateway.metrics.up.admitted).toBe(3);
    const stopped = server.gateway.stop();
    expect(await idle.over).toMatchObject({ code: 'DRAINING', unsettled: 0 });
    route.release();
    expect(await busy.over).toMatchObject({ code: 'DRAINING', unsettled: 0 });
    expect(received).toEqual(numbers(1, 3));
    expect(fates).toEqual(numbers(1, 3).map((n) => `${n} accepted`));
    await stopped;
  });

  it('whose client is gone are waited for when the gateway leaves, and the log says so', async () => {
    await using server = await startGateway({ ...settings, 'server.drainGrace': '400ms' });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    await client.opened('s', { route: 'echo' });
    await client.detach();
    await expect.poll(() => server.gateway.connections).toBe(0);
    await server.gateway.stop();
    expect(server.log).toContainEqual({
      level: 'info',
      fields: { graceMs: 400, connections: 0, sessions: 1, detached: 1, upPending: 0, downPending: 0 },
      message: 'draining',
    });
  });

  it('cost their bounds and no more when nobody acknowledges', async () => {
    const sends: number[] = [];
    const flood: Route = {
      kind: 'flood',
      open: (session) => {
        const index = sends.push(0) - 1;
        return {
          handle: async () => {
            for (;;) {
              await session.send({ data: Buffer.alloc(4_096) });
              sends[index] = (sends[index] ?? 0) + 1;
            }
          },
        };
      },
    };
    const limits = { 'session.waitingSize': '128KiB', 'session.waitingMessages': 64 };
    await using server = await startGateway({ ...settings, ...limits }, { flood });
    using client = clientOf(grpcConnector({ address: server.address, clientId: 'ann' }));
    const count = 40;
    const window = { messages: 64, bytes: 64 * 1_024 };
    for (let i = 0; i < count; i += 1) {
      const session = await client.opened(`s${i}`, { route: 'flood', window, onMessage: never });
      await session.send(Buffer.from('go'));
    }
    const total = (): number => sends.reduce((sum, each) => sum + each, 0);
    await settled(total);
    // 16 fill the window, 32 the place of what waits.
    expect(sends).toHaveLength(count);
    for (const each of sends) {
      expect(each).toBeGreaterThanOrEqual(16);
      expect(each).toBeLessThanOrEqual(16 + 32 + 1);
    }
    expect(server.gateway.metrics.down.pending).toBeLessThanOrEqual(count * (16 + 32 + 1));
  });
});
