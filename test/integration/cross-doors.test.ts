/** One gateway behind its doors: what is begun at one goes on at another, and what is counted is counted once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import type { DataMessage, Opened } from '../../src/wire/messages.js';
import { Following, RawHttp, startEdge } from '../helpers/edge-world.js';
import type { GatewayUnderTest } from '../helpers/gateway.js';
import { webSocketConnector } from '../helpers/websocket-connector.js';
import { WindowedClient } from '../helpers/windowed-client.js';
import type { SessionOptions } from '../helpers/windowed-session.js';
import { type Connector, grpcConnector } from '../helpers/windowed-transport.js';

type Door = 'gRPC' | 'sluice.v1.proto' | 'sluice.v1.json';
type Method = 'StreamData' | 'StreamBatches';

/** Of a topic's message, in a session. */
const TOPIC_SEQUENCE = 'x-topic-sequence';

const textOf = ({ data }: DataMessage): string => Buffer.from(data).toString();
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

let under: GatewayUnderTest;
beforeEach(async () => {
  under = await startEdge();
});
// Every message that came in by any door is accounted for, and nothing of it is left.
afterEach(() => under[Symbol.asyncDispose]());

function connectorOf(door: Door, method: Method = 'StreamData'): Connector {
  const clientId = 'ann';
  if (door === 'gRPC') return grpcConnector({ address: under.address, clientId, method });
  return webSocketConnector({ address: new URL(under.edge).host, clientId, method, subprotocol: door });
}

function clientOf(connector: Connector): WindowedClient {
  return new WindowedClient({ connect: connector, backoff: { firstMs: 1, mostMs: 20 } });
}

/** What an application keeps of a session. */
function journal() {
  const received: string[] = [];
  const fates: string[] = [];
  const opened: Opened[] = [];
  const options: SessionOptions = {
    route: 'echo',
    onMessage: (message) => void received.push(textOf(message)),
    onGap: ({ fromSequence, reason }) => void received.push(`gap at ${fromSequence}: ${reason}`),
    onSettled: (sequence, error) => void fates.push(error === undefined ? `${sequence}` : error.code),
    onOpened: (answer) => void opened.push(answer),
  };
  return { received, fates, opened, options };
}

describe.each(['StreamData', 'StreamBatches'] as const)('a session, %s', (method) => {
  it('cut in mid-flow goes on at another door: nothing is lost, repeated or out of order', async () => {
    // Out over gRPC, on over both subprotocols, and home.
    const way: Door[] = ['gRPC', 'sluice.v1.proto', 'gRPC', 'sluice.v1.json', 'sluice.v1.proto', 'gRPC'];
    const used: Door[] = [];
    using client = clientOf((events) => {
      const door = way[used.length] ?? 'gRPC';
      used.push(door);
      return connectorOf(door, method)(events);
    });
    const { received, fates, opened, options } = journal();
    const session = await client.opened('s', options);
    const perDoor = 150;
    const last = way.length * perDoor;
    const sending = (async () => {
      for (const n of numbers(1, last)) await session.send(Buffer.from(n));
    })();
    for (let door = 1; door < way.length; door += 1) {
      await expect.poll(() => received.length).toBeGreaterThan((door - 1) * perDoor + perDoor / 2);
      client.breakConnection();
      await expect.poll(() => opened.length).toBe(door + 1);
    }
    await sending;
    expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(received).toEqual(numbers(1, last));
    expect(fates).toEqual(numbers(1, last));
    expect(used).toEqual(way);
    expect(opened.map(({ resumed }) => resumed)).toEqual([false, true, true, true, true, true]);
    const { up, down, sessionsOpened, sessionsResumed } = under.gateway.metrics;
    expect({ sessionsOpened, sessionsResumed }).toEqual({ sessionsOpened: 1, sessionsResumed: 5 });
    for (const flow of [up, down]) {
      expect(flow).toMatchObject({ admitted: last, delivered: last, dropped: 0, pending: 0 });
    }
  });
});

it.each([
  ['gRPC', 'sluice.v1.json'],
  ['sluice.v1.proto', 'gRPC'],
  ['sluice.v1.json', 'sluice.v1.proto'],
] as const)('a session of %s is taken over by %s, and the older process is told', async (from, to) => {
  using first = clientOf(connectorOf(from));
  using second = clientOf(connectorOf(to));
  const early = journal();
  const before = await first.opened('s', early.options);
  for (const n of numbers(1, 5)) await before.send(Buffer.from(n));
  await expect.poll(() => early.received.length).toBe(5);
  const late = journal();
  const after = await second.opened('s', { ...late.options, memory: before.memory });
  expect(await before.over).toMatchObject({ code: 'TAKEN_OVER' });
  for (const n of numbers(6, 10)) await after.send(Buffer.from(n));
  expect(await after.close()).toMatchObject({ code: '', unsettled: 0 });
  expect(late.opened).toMatchObject([{ resumed: true }]);
  expect([...early.received, ...late.received]).toEqual(numbers(1, 10));
  expect(under.gateway.metrics.sessionsTakenOver).toBe(1);
});

it('a topic has one order, whichever way it is followed and written to', async () => {
  const topic = 'news/doors';
  await using events = await Following.at(`${under.edge}/v1/topics/${topic}?encoding=json`);
  await using grpc = connect(under.address, { clientId: 'grpc' });
  await using followed = grpc.subscribe(topic, { history: 10 });
  using page = clientOf(connectorOf('sluice.v1.json'));
  const heard: string[][] = [];
  const room = await page.opened('room', {
    route: 'news',
    subject: 'doors',
    onMessage: (message) => void heard.push([message.metadata?.get(TOPIC_SEQUENCE) ?? '', textOf(message)]),
  });
  await fetch(`${under.edge}/v1/topics/${topic}`, { method: 'POST', body: 'http' });
  await grpc.publish(topic, 'gRPC');
  await room.send(Buffer.from('WebSocket'));
  await expect.poll(() => heard.length).toBe(3);
  expect(heard.map(([, text]) => text)).toEqual(['http', 'gRPC', 'WebSocket']);
  for (const both of heard) {
    const { data, lastEventId } = await events.next();
    const message = await followed.receive();
    expect([lastEventId, (JSON.parse(data) as { data: string }).data]).toEqual(both);
    expect([String(message?.sequence), message?.text]).toEqual(both);
  }
  await room.close();
});

it("a client's connections are counted together, through whichever door each came", async () => {
  await using limited = await startEdge({ 'pool.maxConnectionsPerClient': 3 });
  const { address } = limited;
  const host = new URL(limited.edge).host;
  const follow = 'GET /v1/topics/news/a HTTP/1.1\r\nhost: a\r\nx-client-id: ann\r\n\r\n';
  const connectors = {
    grpc: grpcConnector({ address, clientId: 'ann' }),
    webSocket: webSocketConnector({ address: host, clientId: 'ann' }),
  };
  using first = clientOf(connectors.grpc);
  using second = clientOf(connectors.webSocket);
  const sessions = [await first.opened('g', { route: 'echo' }), await second.opened('w', { route: 'echo' })];
  {
    await using third = new RawHttp(limited.edge);
    await third.say(follow).heard(/\nid: /);
    for (const connector of Object.values(connectors)) {
      using fourth = clientOf(connector);
      fourth.connect();
      await expect.poll(() => fourth.connectionEnds.get('CLIENT_LIMIT')).toBe(1);
    }
    await using fifth = new RawHttp(limited.edge);
    expect(await fifth.say(follow).heard(/\}$/)).toMatch(/^HTTP\/1\.1 429 [^]*"code":"CLIENT_LIMIT"/);
  }
  // Where one door's connection has left, there is room for one of another's.
  await expect.poll(() => limited.gateway.connections).toBe(2);
  using last = clientOf(connectors.grpc);
  sessions.push(await last.opened('h', { route: 'echo' }));
  await Promise.all(sessions.map((session) => session.close()));
  expect(limited.gateway.metrics.connectionsRejected.get('CLIENT_LIMIT')).toBe(3);
});
