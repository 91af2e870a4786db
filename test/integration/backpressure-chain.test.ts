/**
 * Backpressure end to end, with its numbers: a client that stops taking stops the
 * route that feeds it, which stops the gateway taking from that route's client,
 * which stops the client. Nothing is lost, and all of it goes on.
 */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Totals } from '../../src/metrics/totals.js';
import type { Route, RouteSession } from '../../src/session/route.js';
import { WindowedSession } from '../../src/session/windowed/windowed-session.js';
import type { DataMessage } from '../../src/wire/messages.js';
import { startGateway, type GatewayUnderTest } from '../helpers/gateway.js';
import { settled } from '../helpers/settled.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { WindowedClient } from '../helpers/windowed-client.js';
import { grpcConnector } from '../helpers/windowed-transport.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const KIB = 1_024;
const MESSAGES = 600;
const MESSAGE_BYTES = KIB;
/** What the taker is prepared to hold; what may wait for it. */
const TAKER_WINDOW = 4;
const WAITING = 16;
/** What is granted to the feeder: opened, a window; simple, the receive queue and the windows of HTTP/2. */
const FEEDER_WINDOW = 64;
const RECEIVE_QUEUE = 32;
const STREAM_WINDOW_BYTES = 64 * KIB;
/** RFC 9113 section 4.2: the largest frame unless settings say otherwise. */
const HTTP2_FRAME_BYTES = 16 * KIB;

/** For a busy machine. */
const PATIENT = { timeout: 20_000 };

const numbered = (n: number): Uint8Array => {
  const data = new Uint8Array(MESSAGE_BYTES);
  new DataView(data.buffer).setUint32(0, n);
  return data;
};
const numberOf = ({ data }: DataMessage): number => new DataView(data.buffer, data.byteOffset).getUint32(0);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

/** `taken` keeps its session; `feeding` sends it all it gets, one after the other. */
function routes() {
  let taker: RouteSession | undefined;
  let feeder: RouteSession | undefined;
  const taken: Route = {
    kind: 'taken',
    open(session) {
      taker = session;
      return { handle: () => undefined };
    },
  };
  const feeding: Route = {
    kind: 'feeding',
    open(session) {
      feeder = session;
      return { handle: ({ data }) => taker?.send({ data }) };
    },
  };
  const windowed = (session: RouteSession | undefined): WindowedSession => {
    if (session instanceof WindowedSession) return session;
    throw new Error('not opened');
  };
  return {
    all: { taken, feeding },
    get taker() {
      return windowed(taker);
    },
    get feeder() {
      return windowed(feeder);
    },
  };
}

function start(streamHandler: string, all: Readonly<Record<string, Route>>): Promise<GatewayUnderTest> {
  return startGateway(
    {
      'server.streamHandler': streamHandler,
      'server.streamWindow': `${STREAM_WINDOW_BYTES}B`,
      'session.waitingMessages': WAITING,
      'session.windowMessages': FEEDER_WINDOW,
      'session.windowSize': `${2 * FEEDER_WINDOW * MESSAGE_BYTES}B`,
      'stream.receiveQueueMessages': RECEIVE_QUEUE,
      'health.interval': '10s',
    },
    all,
  );
}

function clientOf({ address }: GatewayUnderTest, clientId: string): WindowedClient {
  return new WindowedClient({ connect: grpcConnector({ address, clientId }) });
}

/** A session whose application takes nothing until it is let. */
async function takerOf(client: WindowedClient) {
  const received: number[] = [];
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const session = await client.opened('taker', {
    route: 'taken',
    window: { messages: TAKER_WINDOW, bytes: 64 * KIB },
    async onMessage(message) {
      await gate;
      received.push(numberOf(message));
    },
  });
  return { received, open, session };
}

/** The part that is the same for both feeders: taker, its session, its route. */
function expectTakerStands(
  { taker }: ReturnType<typeof routes>,
  { received, session }: Awaited<ReturnType<typeof takerOf>>,
): void {
  expect(received).toEqual([]);
  // The client holds its window, one of it with the application.
  expect(session.unconsumed).toBe(TAKER_WINDOW - 1);
  expect(taker.inFlight.messages).toBe(TAKER_WINDOW);
  expect(taker.waiting.messages).toBe(WAITING);
  // The route awaits its send, and is given nothing else.
  expect(taker.waitingSends).toBe(1);
}

describe.each(STREAM_HANDLERS)('a client that stops taking, through the %s handler', (streamHandler) => {
  it('stops a feeding session: its window fills, the rest of its connection goes on', async () => {
    const route = routes();
    await using server = await start(streamHandler, route.all);
    using takingClient = clientOf(server, 'taker');
    using feedingClient = clientOf(server, 'feeder');
    const taker = await takerOf(takingClient);

    let sent = 0;
    let settledCount = 0;
    const feeder = await feedingClient.opened('feeder', {
      route: 'feeding',
      onSettled: () => (settledCount += 1),
    });
    const sending = (async () => {
      for (const n of upTo(MESSAGES)) {
        await feeder.send(numbered(n));
        sent += 1;
      }
    })();

    const through = TAKER_WINDOW + WAITING;
    await expect.poll(() => sent + settledCount, PATIENT).toBe(through + FEEDER_WINDOW + through);
    // And there it stays.
    expect(await settled(() => sent + settledCount)).toBe(through + FEEDER_WINDOW + through);
    expectTakerStands(route, taker);
    // What the taker's bounds have room for is acknowledged, and no more: the acks stop.
    expect(settledCount).toBe(through);
    expect(feeder.unacknowledged).toBe(FEEDER_WINDOW);
    expect(route.feeder.unhandled.messages).toBe(FEEDER_WINDOW);
    // The sender stands.
    expect(sent).toBe(through + FEEDER_WINDOW);

    const echoed: string[] = [];
    const other = await feedingClient.opened('other', {
      route: 'echo',
      onMessage: ({ data }) => void echoed.push(Buffer.from(data).toString()),
    });
    await other.send(Buffer.from('beside it'));
    await expect.poll(() => echoed, PATIENT).toEqual(['beside it']);
    await other.close();

    taker.open();
    await sending;
    expect(await feeder.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(await taker.session.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(taker.received).toEqual(upTo(MESSAGES));
    expect(settledCount).toBe(MESSAGES);
  });

  it('stops a simple feeding connection: it is not read, and HTTP/2 stops its client', async () => {
    const route = routes();
    await using server = await start(streamHandler, route.all);
    using takingClient = clientOf(server, 'taker');
    using feedingClient = new WireClient(server.address);
    const taker = await takerOf(takingClient);

    const call = feedingClient.open({ 'x-route': 'feeding' });
    const ending = feedingClient.ending(call);
    let sent = 0;
    const frameBytes = framedMessage({ sessionId: 's', data: numbered(1) }).length;
    const sending = (async () => {
      for (const n of upTo(MESSAGES)) {
        if (!call.write(framedMessage({ sessionId: 's', data: numbered(n) }))) await once(call, 'drain');
        sent += 1;
      }
      call.end();
    })();

    const through = TAKER_WINDOW + WAITING;
    // The most. Once the receive queue was full, reading goes on when it is half empty: it may stand anywhere between.
    const taken = through + RECEIVE_QUEUE;
    // What has left the client fills the stream's window beyond that, but for a message or two.
    const left = (): number => (sent + 1) * frameBytes - call.writableLength;
    await expect.poll(left, PATIENT).toBeGreaterThan(through * frameBytes + STREAM_WINDOW_BYTES / 2);
    const { up } = server.gateway.metrics;
    await expect.poll(() => up.admitted, PATIENT).toBeGreaterThan(through + RECEIVE_QUEUE / 2);
    const admitted = await settled(() => up.admitted);
    const written = await settled(() => sent);
    // And one frame of HTTP/2, which newer versions of Node take from the stream before they may send it.
    expect(left()).toBeLessThanOrEqual(taken * frameBytes + STREAM_WINDOW_BYTES + HTTP2_FRAME_BYTES);
    expectTakerStands(route, taker);
    const { queues } = (await (await fetch(`${server.admin}/totals`)).json()) as Totals;
    // What the route has before it is in the receive queue until it is done.
    expect(queues.receive.messages).toBe(admitted - through);
    expect(admitted).toBeLessThanOrEqual(taken);
    expect(up.admitted).toBe(admitted);
    // The sender stands: what it has written beside that is its stream's own buffer, and one write that waits.
    expect(call.writableLength).toBeLessThanOrEqual(call.writableHighWaterMark + frameBytes);
    const underWay = STREAM_WINDOW_BYTES + HTTP2_FRAME_BYTES + call.writableHighWaterMark;
    expect(written).toBeLessThanOrEqual(taken + Math.ceil(underWay / frameBytes));
    expect(written).toBeLessThan(MESSAGES / 2);

    taker.open();
    await sending;
    expect(await ending).toMatchObject({ grpcStatus: 0 });
    expect(await taker.session.close()).toMatchObject({ code: '', unsettled: 0 });
    expect(taker.received).toEqual(upTo(MESSAGES));
    expect(server.gateway.metrics.up.delivered).toBe(MESSAGES);
  });
});
