/** A conversation in both directions over a network that is cut again and again. */
import { expect } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import type { Route } from '../../src/session/route.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import type { DataMessage } from '../../src/wire/messages.js';
import { FaultProxy } from './fault-proxy.js';
import { startGateway } from './gateway.js';
import { WindowedClient } from './windowed-client.js';
import type { Size } from './windowed-send-room.js';
import { seededRandom } from './windowed-random.js';
import { grpcConnector } from './windowed-transport.js';

export interface CutExchange {
  readonly seed: number;
  readonly cuts: number;
  /** In each direction, over all sessions. */
  readonly messages: number;
  readonly sessions: number;
  /** How many bytes a connection carries, both ways together, in the mean: few enough that all cuts come about. */
  readonly meanBytes: number;
  readonly method: StreamMethod;
  readonly streamHandler: string;
}

/** The route fails each message whose number this divides; the client must learn of exactly these. */
const FAILS_EVERY = 7;
/** Small windows, so that a connection that is soon cut carries something all the same. */
const WINDOW: Size = { messages: 64, bytes: 64 * 1024 };
/** The route's numbers run ahead of the client's by so many, so that both last as long as the cuts. */
const AHEAD = 300;
/** Who handles a message takes a while for each that this divides. */
const SLOW_EVERY = 31;

const numbered = (n: number): Buffer => Buffer.from(String(n).padEnd(n % 60));
const numberOf = (message: DataMessage): number => Number(Buffer.from(message.data).toString());
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Notes whatever does not follow the number before. */
class Count {
  last = 0;
  readonly faults: string[] = [];

  next(n: number): void {
    if (n !== this.last + 1) this.faults.push(`${n} after ${this.last}`);
    this.last = n;
  }
}

/** Takes the client's numbers, and sends its own. */
function countingRoute(perSession: number): { readonly route: Route; readonly taken: Map<string, Count[]> } {
  const taken = new Map<string, Count[]>();
  const route: Route = {
    kind: 'counting',
    open(session) {
      const count = new Count();
      taken.set(session.sessionId, [...(taken.get(session.sessionId) ?? []), count]);
      let handled: () => void = () => undefined;
      const produce = async (): Promise<void> => {
        for (let n = 1; n <= perSession; n += 1) {
          while (n > count.last + AHEAD) await new Promise<void>((resolve) => (handled = resolve));
          await session.send({ data: numbered(n) });
        }
      };
      return {
        handle(message) {
          const n = numberOf(message);
          count.next(n);
          handled();
          if (n === 1)
            produce().catch((error: unknown) => count.faults.push(`the route's send: ${String(error)}`));
          if (n % FAILS_EVERY === 0) throw new SluiceError('ROUTE_FAILED', `${n} is to fail`);
          return n % SLOW_EVERY === 0 ? turn() : undefined;
        },
      };
    },
  };
  return { route, taken };
}

/** One session's side of the exchange: everything sent, everything received, then closed. */
async function converse(client: WindowedClient, id: string, messages: number): Promise<void> {
  const received = new Count();
  const settled = new Count();
  const failed: number[] = [];
  let allReceived: () => void = () => undefined;
  const complete = new Promise<void>((resolve) => (allReceived = resolve));
  const session = await client.opened(id, {
    route: 'counting',
    window: WINDOW,
    onMessage(message) {
      received.next(numberOf(message));
      if (received.last === messages) allReceived();
      return received.last % SLOW_EVERY === 0 ? turn() : undefined;
    },
    onGap: ({ fromSequence, reason }) => received.faults.push(`a gap at ${fromSequence}: ${reason}`),
    onSettled(sequence, error) {
      settled.next(sequence);
      if (error !== undefined) failed.push(sequence);
    },
  });
  const sending = async (): Promise<void> => {
    for (let n = 1; n <= messages; n += 1) expect(await session.send(numbered(n))).toBe(n);
  };
  // Should it end early, `close` says how.
  await Promise.race([Promise.all([sending(), complete]), session.over]);
  expect(await session.close()).toMatchObject({ code: '', unsettled: 0 });
  expect(received).toEqual({ last: messages, faults: [] });
  expect(settled).toEqual({ last: messages, faults: [] });
  const failing = Array.from({ length: Math.floor(messages / FAILS_EVERY) }, (_, i) => (i + 1) * FAILS_EVERY);
  expect(failed).toEqual(failing);
}

/**
 * Sends so many numbered messages each way while the network is cut, and
 * asserts that each arrived once and in order, that the client knows the fate
 * of each, and that the gateway's account says the same and keeps nothing.
 */
export async function exchangeOverCuts(exchange: CutExchange): Promise<void> {
  const { seed, cuts, messages, sessions, meanBytes, method, streamHandler } = exchange;
  const random = seededRandom(seed);
  const perSession = messages / sessions;
  const { route, taken } = countingRoute(perSession);
  const settings = { 'server.streamHandler': streamHandler, 'session.windowMessages': WINDOW.messages };
  await using server = await startGateway(settings, { counting: route });
  await using proxy = await FaultProxy.start(server.address, { cuts, meanBytes, random });
  using client = new WindowedClient({
    connect: grpcConnector({ address: proxy.address, clientId: 'ann', method }),
    backoff: { firstMs: 1, mostMs: 20 },
    random,
  });
  const ids = Array.from({ length: sessions }, (_, i) => `s${i}`);
  await Promise.all(ids.map((id) => converse(client, id, perSession)));

  expect(proxy.cuts).toBe(cuts);
  for (const id of ids) expect(taken.get(id)).toEqual([{ last: perSession, faults: [] }]);
  const { up, down, sessionsResumed, sessionsTakenOver, messagesRefused } = server.gateway.metrics;
  // It was not for want of anything to lose.
  expect(sessionsResumed).toBeGreaterThanOrEqual(cuts);
  if (cuts >= 100) {
    expect(sessionsTakenOver).toBeGreaterThan(0);
    expect(messagesRefused.get('not-open')).toBeGreaterThan(0);
  }
  for (const flow of [up, down]) {
    expect(flow).toMatchObject({ admitted: messages, delivered: messages, dropped: 0, pending: 0 });
  }
}
