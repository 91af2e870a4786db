/** Who is calling, and what they may, where somebody else says so and takes his time. */
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import type { MemoryConnection } from '../../../../src/transport/memory/memory-connection.js';
import { dataMessage } from '../../../../src/wire/messages.js';
import {
  type GatedOptions,
  type GatedWorld,
  identityOf,
  serverBehind,
  SettableClock,
  TestGate,
} from '../../../helpers/gate.js';
import {
  call,
  Listener,
  publishedBy,
  publishing,
  subscribe,
  summaryOf,
} from '../../../helpers/memory-calls.js';
import { testTopics } from '../../../helpers/test-topics.js';

const METHODS = ['Publish', 'Subscribe', 'Ingest'] as const;
type Method = (typeof METHODS)[number];
const ACTIONS = { Publish: 'publish', Subscribe: 'subscribe', Ingest: 'ingest' } as const;

function world(settings: object = {}, limits: Pick<GatedOptions, 'pool' | 'publishes'> = {}) {
  const clock = new SettableClock();
  const route = testTopics(clock);
  return {
    clock,
    route,
    topic: route.topic,
    ...serverBehind(new TestGate(), clock, route, { settings, ...limits }),
  };
}

const withToken = { metadata: { authorization: 'Bearer t', 'x-subject': 'room' } };

/** Its request is sent; Ingest has half-closed too. */
function begin(
  made: ReturnType<typeof world>,
  method: Method,
  options: object = withToken,
): MemoryConnection {
  if (method === 'Publish') return publishing(made, {}, options);
  if (method === 'Subscribe') return subscribe(made, {}, options);
  const client = call(made, 'Ingest', options);
  client.send(dataMessage({ data: Buffer.from('x') }));
  client.halfClose();
  return client;
}

/** That it was done; a subscription is cancelled then. */
async function expectDone(made: GatedWorld, method: Method, client: MemoryConnection): Promise<void> {
  await made.clock.settle();
  if (method === 'Publish') expect(await publishedBy(client)).toMatchObject({ duplicate: false });
  else if (method === 'Ingest') expect(await summaryOf(client)).toMatchObject({ messages: 1 });
  else {
    expect((await client.receive())?.control?.action).toBe('welcome');
    client.cancel();
  }
}

async function expectNothingLeft(made: ReturnType<typeof world>): Promise<void> {
  await made.clock.settle();
  // What the topic keeps has a time of its own.
  made.route.stop?.();
  expect({
    connections: made.pool.size,
    sessions: made.sessions.size,
    publishes: made.server.publishes.size,
    arriving: made.server.arriving.size,
    bytes: made.account.bytes,
    timers: made.clock.activeTimers,
  }).toEqual({ connections: 0, sessions: 0, publishes: 0, arriving: 0, bytes: 0, timers: 0 });
}

describe.each(METHODS)('%s', (method) => {
  it('of nobody is refused at once, and counts as an attempt', async () => {
    const made = world();
    const client = begin(made, method, { metadata: {} });
    await made.clock.settle();
    expect((await client.ended).error).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining(`${method} takes it by metadata`) as string,
    });
    expect(made.gate.silent).toEqual(['memory:1']);
    await expectNothingLeft(made);
  });

  it('waits until it is known who is calling, and whether they may', async () => {
    const made = world();
    const callers = made.gate.holdCallers();
    const opens = made.gate.holdOpens();
    const client = begin(made, method);
    await made.clock.settle();
    expect(made.server.arriving.size).toBe(1);
    callers[0]!.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(made.gate.opens.map(({ about }) => about)).toEqual([
      expect.objectContaining({
        action: ACTIONS[method],
        sessionId: '',
        route: 'test',
        subject: 'room',
        peer: 'memory:1',
      }),
    ]);
    expect(made.metrics.up.delivered).toBe(0);
    opens[0]!.resolve(undefined);
    await expectDone(made, method, client);
    await expectNothingLeft(made);
  });

  it('is refused where they may not', async () => {
    const made = world();
    made.gate.tokens.set('t', identityOf('ann'));
    const opens = made.gate.holdOpens();
    const client = begin(made, method);
    await made.clock.settle();
    opens[0]!.reject(new SluiceError('PERMISSION_DENIED', 'not you'));
    await made.clock.settle();
    expect((await client.ended).error).toMatchObject({ code: 'PERMISSION_DENIED', message: 'not you' });
    expect(made.metrics.connectionsAccepted).toBe(0);
    await expectNothingLeft(made);
  });

  it('that is cancelled while they are asked asks nobody any more', async () => {
    const made = world();
    made.gate.tokens.set('t', identityOf('ann'));
    const opens = made.gate.holdOpens();
    const client = begin(made, method);
    await made.clock.settle();
    client.cancel();
    await made.clock.settle();
    expect(made.gate.opens[0]!.signal.aborted).toBe(true);
    opens[0]!.resolve(undefined);
    await expectNothingLeft(made);
    expect(made.topic.counters.published).toBe(0);
    expect(made.topic.levels.subscribers).toBe(0);
  });
});

describe('a token that expires', () => {
  it('ends a subscription, which is told before', async () => {
    const made = world({
      expiryNoticeMs: 10_000,
      expiryGraceMs: 1_000,
      drainQuietMs: 100,
      heartbeatIntervalMs: 0,
    });
    made.gate.tokens.set('t', identityOf('ann', { expiresAtMs: made.clock.wallNow() + 60_000 }));
    const listener = new Listener(subscribe(made, {}, withToken));
    await made.clock.settle();
    await made.clock.advanceAsync(49_000);
    expect(listener.words.filter((word) => word === 'drain')).toEqual([]);
    await made.clock.advanceAsync(2_000);
    expect(listener.words.filter((word) => word === 'drain')).toEqual(['drain']);
    expect((await listener.client.ended).error).toMatchObject({ code: 'TOKEN_EXPIRED', retryAfterMs: 0 });
    await expectNothingLeft(made);
  });

  it('ends an upload after its grace, and not one that finishes before', async () => {
    const made = world({
      expiryNoticeMs: 10_000,
      expiryGraceMs: 1_000,
      drainQuietMs: 100,
      heartbeatIntervalMs: 0,
    });
    made.gate.tokens.set('t', identityOf('ann', { expiresAtMs: made.clock.wallNow() + 60_000 }));
    const inTime = call(made, 'Ingest', withToken);
    const late = call(made, 'Ingest', withToken);
    for (const client of [inTime, late]) client.send(dataMessage({ data: Buffer.from('x') }));
    await made.clock.settle();
    await made.clock.advanceAsync(60_500);
    inTime.halfClose();
    await made.clock.settle();
    expect(await summaryOf(inTime)).toMatchObject({ messages: 1 });
    await made.clock.advanceAsync(600);
    expect((await late.ended).error).toMatchObject({ code: 'TOKEN_EXPIRED' });
    await expectNothingLeft(made);
  });
});

it('publishes are asked about beside connections: those that wait for an answer do not keep out the others', async () => {
  const made = world({}, { pool: { maxConnections: 2 }, publishes: { maxPublishes: 2 } });
  const callers = made.gate.holdCallers();
  const codeOf = async (client: MemoryConnection) => {
    await made.clock.settle();
    return (await client.ended).error?.code;
  };
  const subscribers = [1, 2, 3].map(() => begin(made, 'Subscribe'));
  expect(await codeOf(subscribers[2]!)).toBe('CONNECTION_LIMIT');
  const publishers = [1, 2, 3].map(() => begin(made, 'Publish'));
  expect(await codeOf(publishers[2]!)).toBe('OVERLOADED');
  expect(made.server.arriving.size).toBe(4);
  publishers[0]!.cancel();
  await made.clock.settle();
  publishers.push(begin(made, 'Publish'));
  await made.clock.settle();
  expect(made.server.arriving.size).toBe(4);
  for (const caller of callers) caller.resolve(identityOf('ann'));
  for (const publisher of [publishers[1]!, publishers[3]!]) await expectDone(made, 'Publish', publisher);
  for (const subscriber of subscribers.slice(0, 2)) await expectDone(made, 'Subscribe', subscriber);
  await expectNothingLeft(made);
});
