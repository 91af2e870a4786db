import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import { ByteAccount } from '../../../../src/flow/byte-account.js';
import type { Route, RouteSession } from '../../../../src/session/route.js';
import { controlMessage, type DataMessage, dataMessage, MessageType } from '../../../../src/wire/messages.js';
import { windowedSettings } from '../../../helpers/fake-stream.js';
import { call, summaryOf } from '../../../helpers/memory-calls.js';
import { memoryServer } from '../../../helpers/memory-server.js';

type World = ReturnType<typeof memoryServer>;

const text = (message: DataMessage): string => Buffer.from(message.data).toString();
const data = (value: string, more = false): DataMessage => dataMessage({ data: Buffer.from(value), more });

/** Notes what it is given, and fails on "bad". */
function notingRoute(own: Partial<Route> = {}) {
  const seen: string[] = [];
  const sessions: RouteSession[] = [];
  let closed = 0;
  const route: Route = {
    kind: 'test',
    open: (session) => {
      sessions.push(session);
      return {
        handle: (message) => {
          if (text(message) === 'bad') throw new Error('bad');
          seen.push(text(message));
          // Nobody hears it, and nobody waits for it.
          expect(session.send({ data: message.data })).toBeUndefined();
        },
        aggregates: () => new Map([['seen', seen.length]]),
        closed: () => {
          closed += 1;
        },
      };
    },
    ...own,
  };
  return { route, seen, sessions, closed: () => closed };
}

async function expectOver(world: World): Promise<void> {
  await world.clock.settle();
  const { up, down } = world.metrics;
  expect({
    connections: world.pool.size,
    sessions: world.sessions.size,
    pending: up.pending + down.pending,
    bytes: world.account.bytes,
    down: down.admitted,
    timers: world.clock.activeTimers,
  }).toEqual({ connections: 0, sessions: 0, pending: 0, bytes: 0, down: 0, timers: 0 });
  expect(world.metrics.sessionsOpened).toBe(world.metrics.sessionsClosed);
}

describe('Ingest', () => {
  it('hands all to the route, in order, and sums up what it made of it', async () => {
    const { route, seen, sessions, closed } = notingRoute();
    const world = memoryServer(route);
    const client = call(world, 'Ingest', { metadata: { 'x-client-id': 'ann', 'x-subject': 'july' } });
    client.send(data('one'), dataMessage({ type: MessageType.HEARTBEAT }), data('bad'), data('three'));
    client.halfClose();
    await world.clock.settle();
    expect(await summaryOf(client)).toEqual({
      messages: 2,
      bytes: 8,
      rejected: 1,
      aggregates: new Map([['seen', 2]]),
    });
    expect((await client.ended).error).toBeUndefined();
    expect(seen).toEqual(['one', 'three']);
    const [session] = sessions;
    expect(session).toMatchObject({ clientId: 'ann', subject: 'july', overflow: 'block' });
    expect(session!.sessionId).toMatch(/^ingest-/);
    expect(session!.signal.aborted).toBe(true);
    expect(closed()).toBe(1);
    expect(world.metrics.up).toMatchObject({ admitted: 3, delivered: 3 });
    await expectOver(world);
  });

  it('of nothing is summed up, too', async () => {
    const world = memoryServer(notingRoute().route);
    const client = call(world, 'Ingest');
    client.halfClose();
    await world.clock.settle();
    expect(await summaryOf(client)).toMatchObject({ messages: 0, bytes: 0, rejected: 0 });
    await expectOver(world);
  });

  it('is not read on while the route is busy and as much waits as may', async () => {
    const waiting: (() => void)[] = [];
    const handled: string[] = [];
    const world = memoryServer(
      {
        kind: 'test',
        open: () => ({
          handle: (message) => {
            handled.push(text(message));
            return new Promise<void>((resolve) => {
              waiting.push(resolve);
            });
          },
        }),
      },
      { receiveQueueMessages: 4 },
    );
    const client = call(world, 'Ingest', { windowBytes: 8 });
    for (let n = 0; n < 20; n += 1) client.send(data(`message ${n}`));
    client.halfClose();
    await world.clock.settle();
    expect(handled).toEqual(['message 0']);
    expect(world.metrics.up).toMatchObject({ admitted: 4, delivered: 0 });
    expect(client.bytesInFlight).toBeGreaterThan(100);
    expect(world.metrics.readsStopped).toBe(1);
    while (waiting.length > 0) {
      waiting.shift()!();
      await world.clock.settle();
    }
    expect(await summaryOf(client)).toMatchObject({ messages: 20, rejected: 0 });
    await expectOver(world);
  });

  it('whose route wants nothing of it is summed up at once, a connection that opened and ended like any', async () => {
    const told: string[] = [];
    const world = memoryServer(
      {
        kind: 'test',
        open: (session) => {
          session.end('enough');
          return { handle: () => undefined };
        },
      },
      {},
      [
        {
          opened: (_connection, route) => told.push(`opened ${route}`),
          ended: (_connection, end) => told.push(`ended ${end}`),
        },
      ],
    );
    const client = call(world, 'Ingest');
    await world.clock.settle();
    expect(await summaryOf(client)).toMatchObject({ messages: 0, bytes: 0, rejected: 0 });
    await expectOver(world);
    expect(told).toEqual(['opened test', 'ended OK']);
  });

  it('joins a payload for a route that wants it whole; one without an end is rejected', async () => {
    const { route, seen } = notingRoute({ wantsWhole: true });
    const world = memoryServer(route);
    const client = call(world, 'Ingest');
    client.send(data('on', true), data('e'), data('two'), data('th', true), data('re', true), data('e'));
    client.send(data('fou', true));
    client.halfClose();
    await world.clock.settle();
    expect(await summaryOf(client)).toMatchObject({ messages: 3, bytes: 11, rejected: 1 });
    expect(seen).toEqual(['one', 'two', 'three']);
    await expectOver(world);
  });

  it('ends over a payload that is larger than one may be', async () => {
    const world = memoryServer(notingRoute({ wantsWhole: true }).route);
    const client = call(world, 'Ingest');
    for (let n = 0; n < 200; n += 1) client.send(dataMessage({ data: new Uint8Array(1 << 20), more: true }));
    await world.clock.settle();
    expect((await client.ended).error).toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining('session.maxPayloadSize') as string,
    });
    await expectOver(world);
  });

  it('whose payload alone is over the budget is ended for it: it could not go on', async () => {
    const account = new ByteAccount(1_000_000);
    const limits = { ...windowedSettings.limits, maxPayloadBytes: 10_000_000 };
    const world = memoryServer(
      notingRoute({ wantsWhole: true }).route,
      { shedAfterMs: 1_000 },
      [],
      {},
      { ...windowedSettings, limits },
      account,
    );
    const client = call(world, 'Ingest');
    for (let n = 0; n < 3; n += 1) client.send(dataMessage({ data: new Uint8Array(600_000), more: true }));
    await world.clock.settle();
    expect(account.exceeded).toBe(true);
    await world.clock.advanceAsync(2_000);
    expect((await client.ended).error).toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringContaining('memory.budget') as string,
    });
    await expectOver(world);
  });

  it.each([
    ['a CONTROL message', controlMessage({ action: 'close' }, 's')],
    ['an ack', dataMessage({ type: MessageType.ACK, sessionId: 's', ack: 3 })],
    ['a HEALTH_CHECK', dataMessage({ type: MessageType.HEALTH_CHECK, sequence: 7 })],
    ['data with sequence 5', dataMessage({ sequence: 5 })],
    ['message type 99', dataMessage({ type: 99 })],
  ])('takes no %s: INVALID_MESSAGE', async (what, message) => {
    const { route, closed } = notingRoute();
    const world = memoryServer(route);
    const client = call(world, 'Ingest');
    client.send(data('one'), message);
    await world.clock.settle();
    const { error } = await client.ended;
    expect(error?.code).toBe('INVALID_MESSAGE');
    expect(error?.message).toContain(what);
    expect(closed()).toBe(1);
    await expectOver(world);
  });

  it('that is cancelled has no summary; what was accepted stays accepted', async () => {
    const { route, seen, sessions, closed } = notingRoute();
    const world = memoryServer(route);
    const client = call(world, 'Ingest');
    client.send(data('one'));
    await world.clock.settle();
    client.cancel();
    await world.clock.settle();
    expect(await client.receive()).toBeUndefined();
    expect(seen).toEqual(['one']);
    expect(closed()).toBe(1);
    expect(sessions[0]!.signal.aborted).toBe(true);
    expect(world.metrics.up.delivered).toBe(1);
    await expectOver(world);
  });

  it('whose route has had enough is summed up early; one that fails it, refused', async () => {
    let finish: () => void = () => undefined;
    const enough = memoryServer({
      kind: 'test',
      open: (session) => ({
        handle: (message) => {
          if (text(message) !== 'last') return undefined;
          session.end('enough');
          return new Promise<void>((resolve) => {
            finish = resolve;
          });
        },
      }),
    });
    const client = call(enough, 'Ingest');
    client.send(data('first'), data('last'));
    await enough.clock.settle();
    client.send(data('more'));
    await enough.clock.settle();
    finish();
    await enough.clock.settle();
    // What came after is not among it.
    expect(await summaryOf(client)).toMatchObject({ messages: 2, bytes: 9, rejected: 0 });
    await expectOver(enough);

    const failing = memoryServer({
      kind: 'test',
      open: (session) => ({
        handle: () => {
          session.fail(new SluiceError('UPSTREAM_UNAVAILABLE', 'the backend is away'));
        },
      }),
    });
    const failed = call(failing, 'Ingest');
    failed.send(data('x'));
    await failing.clock.settle();
    expect((await failed.ended).error?.code).toBe('UPSTREAM_UNAVAILABLE');
    await expectOver(failing);
  });

  it.each([
    [
      'refuses it',
      () => {
        throw new SluiceError('PERMISSION_DENIED', 'not here');
      },
      'PERMISSION_DENIED',
    ],
    [
      'fails to open it',
      () => {
        throw new Error('secret');
      },
      'ROUTE_FAILED',
    ],
  ] as const)('whose route %s', async (_what, open, code) => {
    const world = memoryServer({ kind: 'test', open });
    const client = call(world, 'Ingest');
    await world.clock.settle();
    const { error } = await client.ended;
    expect(error?.code).toBe(code);
    expect(error?.message).not.toContain('secret');
    expect(world.metrics.connectionsAccepted).toBe(0);
    await expectOver(world);
  });

  it('ended by its route as it opens is summed up', async () => {
    const world = memoryServer({
      kind: 'test',
      open: (session) => {
        session.end();
        return { handle: () => undefined };
      },
    });
    const client = call(world, 'Ingest');
    client.send(data('x'));
    await world.clock.settle();
    expect(await summaryOf(client)).toMatchObject({ messages: 0, rejected: 0 });
    await expectOver(world);
  });

  it('whose route computes what can not be told is summed up without it', async () => {
    const world = memoryServer({
      kind: 'test',
      open: () => ({
        handle: () => undefined,
        aggregates: () => new Map([['a', 'text' as unknown as number]]),
      }),
    });
    const client = call(world, 'Ingest');
    client.send(data('x'));
    client.halfClose();
    await world.clock.settle();
    expect(await summaryOf(client)).toEqual({ messages: 1, bytes: 1, rejected: 0, aggregates: new Map() });
    expect(world.metrics.routeErrors).toBe(1);
    await expectOver(world);
  });

  it('never begun ends with RECEIVE_TIMEOUT; one under way is not asked whether it lives', async () => {
    const world = memoryServer(notingRoute().route, {
      firstMessageTimeoutMs: 1_000,
      receiveTimeoutMs: 5_000,
    });
    const silent = call(world, 'Ingest');
    const quiet = call(world, 'Ingest', { metadata: { 'x-client-id': 'ben' } });
    quiet.send(data('x'), dataMessage({ type: MessageType.HEARTBEAT }));
    await world.clock.settle();
    await world.clock.advanceAsync(1_000);
    expect((await silent.ended).error?.code).toBe('RECEIVE_TIMEOUT');
    await world.clock.advanceAsync(3_600_000);
    quiet.halfClose();
    await world.clock.settle();
    expect(await summaryOf(quiet)).toMatchObject({ messages: 1 });
    await expectOver(world);
  });

  it('has until the grace is over when the gateway leaves', async () => {
    const world = memoryServer(notingRoute().route, { drainQuietMs: 100 });
    const inTime = call(world, 'Ingest');
    const late = call(world, 'Ingest', { metadata: { 'x-client-id': 'ben' } });
    inTime.send(data('x'));
    late.send(data('y'));
    await world.clock.settle();
    const drained = world.server.drain(10_000);
    await world.clock.advanceAsync(5_000);
    inTime.send(data('z'));
    inTime.halfClose();
    await world.clock.settle();
    expect(await summaryOf(inTime)).toMatchObject({ messages: 2 });
    await world.clock.advanceAsync(5_100);
    expect((await late.ended).error).toMatchObject({ code: 'DRAINING' });
    await drained;
    await expectOver(world);
  });
});
