import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { SluiceError } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
import type { StreamingServer } from '../../../src/server/streaming-server.js';
import { identityOf, serverBehind, TestGate, type GatedOptions } from '../../helpers/gate.js';
import { startGrpcHarness, type HandlerKind } from '../../helpers/grpc-harness.js';
import { StreamClient, type ClientOptions } from '../../helpers/stream-client.js';

const BEARER = { metadata: { authorization: 'Bearer ann' } };
const authenticate = (token: string) => ({
  type: 'MESSAGE_TYPE_CONTROL',
  control: { authenticate: { token } },
});
const open = (sessionId: string) => ({
  type: 'MESSAGE_TYPE_CONTROL',
  sessionId,
  control: { open: { resumeToken: Buffer.alloc(16, 1), attempt: 1 } },
});

/** Resolves when it holds, looked at each turn. */
const until = (condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (condition()) resolve();
      else setImmediate(look);
    };
    look();
  });

const asked = (gate: TestGate, times: number): Promise<void> => until(() => gate.identified.length >= times);

const gone = (server: StreamingServer): Promise<void> =>
  until(() => server.arriving.size + server.size === 0);

describe.each<[HandlerKind, 'StreamData' | 'StreamBatches']>([
  ['direct', 'StreamData'],
  ['direct', 'StreamBatches'],
  ['interceptor', 'StreamData'],
  ['interceptor', 'StreamBatches'],
])('over gRPC (%s, %s)', (kind, method) => {
  async function world(options: GatedOptions = {}) {
    const clock = new SystemClock();
    const gate = new TestGate();
    gate.tokens.set('ann', identityOf('ann'));
    const made = serverBehind(gate, clock, echoRoute(), options);
    const harness = await startGrpcHarness(kind, made.server.accept);
    const connect = (more: ClientOptions = {}): StreamClient => {
      const client = new StreamClient(harness.address, { method, ...more });
      onTestFinished(() => {
        client.close();
      });
      return client;
    };
    onTestFinished(async () => {
      made.server.destroy();
      await harness.close();
      expect(harness.faults).toEqual([]);
      expect([clock.activeTimers, made.account.bytes, made.server.arriving.size]).toEqual([0, 0, 0]);
    });
    return { ...made, clock, harness, connect };
  }

  it('what is said while the token is looked at comes after the Welcome, in order', async () => {
    const { gate, connect } = await world();
    const held = gate.holdCallers();
    const client = connect(BEARER);
    for (let n = 1; n <= 50; n += 1) client.sendData('s', `${n}`);
    await asked(gate, 1);
    expect(client.received).toEqual([]);
    held[0]?.resolve(identityOf('ann'));
    await client.untilData(50);
    expect(client.received[0]?.control?.action).toBe('welcome');
    expect(client.data.map(({ data }) => data.toString())).toEqual(
      Array.from({ length: 50 }, (_, n) => `${n + 1}`),
    );
    client.halfClose();
    expect((await client.status).code).toBe(status.OK);
  });

  it('nothing shown: an Authenticate and what follows it, and the half-close behind', async () => {
    const { connect } = await world();
    const client = connect();
    client.send({ type: 'MESSAGE_TYPE_HEARTBEAT' });
    client.send(authenticate('ann'));
    client.send(open('s'));
    client.sendData('s', 'one', { sequence: 1 });
    client.halfClose();
    expect((await client.status).code).toBe(status.OK);
    expect(client.received.map(({ control, type }) => control?.action ?? type)).toEqual(
      expect.arrayContaining(['welcome', 'opened', 'MESSAGE_TYPE_DATA']),
    );
    expect(client.data.map(({ data }) => data.toString())).toEqual(['one']);
  });

  it('nothing shown, and something else said first: UNAUTHENTICATED', async () => {
    const { connect, server } = await world();
    const client = connect();
    client.sendData('s', 'one');
    const { code, details } = await client.status;
    expect([code, client.received]).toEqual([status.UNAUTHENTICATED, []]);
    expect(details).toContain('Authenticate');
    await gone(server);
  });

  it('nothing shown, and half-closed: UNAUTHENTICATED', async () => {
    const { connect, server } = await world();
    const client = connect();
    client.halfClose();
    expect((await client.status).code).toBe(status.UNAUTHENTICATED);
    await gone(server);
  });

  it('nothing shown in time: UNAUTHENTICATED', async () => {
    const { connect, gate, server } = await world({ settings: { identifyTimeoutMs: 20 } });
    const client = connect();
    expect((await client.status).code).toBe(status.UNAUTHENTICATED);
    expect(gate.silent).toHaveLength(1);
    await gone(server);
  });

  it('a token that does not hold, at once and later: the status, and nothing else', async () => {
    const { connect, gate, server } = await world();
    const atOnce = connect({ metadata: { authorization: 'Bearer nobody' } });
    expect((await atOnce.status).code).toBe(status.UNAUTHENTICATED);
    gate.onIdentify = () => Promise.reject(new SluiceError('AUTH_UNAVAILABLE', 'later'));
    const later = connect(BEARER);
    later.sendData('s', 'one');
    expect((await later.status).code).toBe(status.UNAVAILABLE);
    expect([...atOnce.received, ...later.received]).toEqual([]);
    await gone(server);
  });

  it('a client that leaves meanwhile is not waited for', async () => {
    const { connect, gate, server, harness } = await world();
    const held = gate.holdCallers();
    const cancelled = connect(BEARER);
    cancelled.sendData('s', 'one');
    await asked(gate, 1);
    cancelled.call.cancel();
    await gone(server);
    const lost = connect(BEARER);
    lost.sendData('s', 'one');
    await asked(gate, 2);
    harness.breakConnections();
    await gone(server);
    expect(gate.identified.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    for (const answer of held) answer.resolve(identityOf('ann'));
  });

  it('an Open and simple sessions that are answered later', async () => {
    const { connect, gate } = await world();
    const held = gate.holdOpens();
    const windowed = connect(BEARER);
    windowed.send(open('s'));
    for (let n = 1; n <= 20; n += 1) windowed.sendData('s', `${n}`, { sequence: n });
    await until(() => gate.opens.length === 1);
    held[0]?.resolve();
    await windowed.untilData(20);
    const simple = connect(BEARER);
    for (let n = 1; n <= 20; n += 1) simple.sendData(n % 2 === 0 ? 'a' : 'b', `${n}`);
    simple.halfClose();
    await until(() => gate.opens.length === 2);
    held[1]?.resolve();
    expect((await simple.status).code).toBe(status.OK);
    for (const [id, first] of [
      ['b', 1],
      ['a', 2],
    ] as const) {
      expect(
        simple.data.filter(({ sessionId }) => sessionId === id).map(({ data }) => data.toString()),
      ).toEqual(Array.from({ length: 10 }, (_, n) => `${first + 2 * n}`));
    }
  });
});
