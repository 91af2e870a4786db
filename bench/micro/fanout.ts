/**
 * Nanoseconds of one delivery of a fan-out to 1,000 subscribers, encoded: a topic
 * route beside two written by hand. One sends every subscriber the same bytes and
 * knows no history, no numbers and no publisher (bench/peers/routes.ts); one says
 * the number and the publisher, as the topic does. By a transport that encodes
 * each message and throws it away. They take turns, round by round; what is
 * printed is the median of the rounds, and of their ratios.
 *
 *   npx tsx bench/micro/fanout.ts [--subscribers n] [--rounds n] [--bytes n]
 */
import { parseArgs } from 'node:util';
import { ALL_OVERFLOWS } from '../../src/session/overflow.js';
import { topicRoute } from '../../src/routes/topic.js';
import type { Route, RouteSession } from '../../src/session/route.js';
import { memoryGateway } from '../../src/testing/memory-gateway.js';
import { encodedBound, encodeMessage } from '../../src/wire/codec.js';
import { controlMessage, dataMessage, type DataMessage, MessageType } from '../../src/wire/messages.js';
import { firstOpen } from '../load/first-open.js';
import { benchRoutes } from '../peers/routes.js';
import { QuietStream } from './quiet-stream.js';
import { TurnClock } from './turn-clock.js';

const { values } = parseArgs({
  options: {
    subscribers: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '21' },
    bytes: { type: 'string', default: '256' },
  },
});
const SUBSCRIBERS = Number(values.subscribers);
const ROUNDS = Number(values.rounds);
const BYTES = Number(values.bytes);
const PUBLICATIONS = 40;
const SESSION = 'session-0042';

const clock = new TurnClock();
const waiting = { messages: 512, bytes: 2 << 20 };
const room = topicRoute(
  'room',
  {
    overflow: 'drop-oldest',
    allowedOverflow: ALL_OVERFLOWS,
    historyMessages: 100,
    historySize: 1 << 20,
    historyAge: 300_000,
    maxHistorySize: 64 << 20,
    conflateHistory: false,
    maxTopics: 10,
    maxSubscribers: 10_000,
    idempotencyKeys: 1_000,
    idempotencyAge: 600_000,
    maxWaitingPublishes: 64,
    waitingPublishSize: 1 << 20,
    ownMessages: true,
    presence: false,
    maxPresence: 1,
  },
  { clock, waiting, sendTimeoutMs: 15_000 },
);
/** As fanout-in and fanout-out, with what a topic says of each message. */
function namingRoutes(): Readonly<Record<string, Route>> {
  const subscribers = new Set<RouteSession>();
  let sequence = 1_700_000_000_000_000;
  return {
    'naming-out': {
      kind: 'naming-out',
      open(session) {
        subscribers.add(session);
        return { handle: () => undefined, closed: () => void subscribers.delete(session) };
      },
    },
    'naming-in': {
      kind: 'naming-in',
      open: ({ clientId }) => ({
        handle({ data }) {
          sequence += 1;
          const metadata = new Map([
            ['x-topic-sequence', String(sequence)],
            ['x-from', clientId],
          ]);
          const message = { data: new Uint8Array(data), metadata };
          for (const subscriber of subscribers) void subscriber.send(message);
        },
      }),
    },
  };
}

function handRoutes(prefix: string): Readonly<Record<string, Route>> {
  const routes = Object.entries({ ...benchRoutes(), ...namingRoutes() });
  return Object.fromEntries(routes.map(([name, route]) => [`${prefix}-${name}`, route]));
}

const { gateway } = memoryGateway({
  clock,
  // Of each a set for simple sessions and one for opened ones: their subscribers are all that there are.
  routes: { ...handRoutes('simple'), ...handRoutes('opened'), room },
  defaultRoute: 'room',
  settings: {
    'pool.maxConnections': 100_000,
    'session.maxPerClient': 100_000,
    'stream.heartbeatInterval': 0,
    'stream.receiveTimeout': '1h',
  },
});

const slab = new Uint8Array(1 << 16);
let clients = 0;

/** A connection with one session, whose messages are encoded and thrown away. */
class Line {
  received = 0;
  readonly #receiver;
  readonly #opened: boolean;

  constructor(route: string, opened: boolean, subject: string) {
    clients += 1;
    const metadata = { 'x-client-id': `client-${clients}`, 'x-route': route, 'x-subject': subject };
    this.#opened = opened;
    this.#receiver = gateway.accept(
      new QuietStream(metadata, (messages) => {
        for (const message of messages) {
          if (encodedBound(message) <= slab.length) encodeMessage(message, slab, 0);
          if (message.type === MessageType.DATA) this.received += 1;
        }
      }),
    );
    if (opened) this.send(controlMessage(firstOpen({ route, subject, windowMessages: 4_096 }), SESSION));
    else this.send(dataMessage({ sessionId: SESSION }));
  }

  send(message: DataMessage): void {
    this.#receiver.onMessages([message]);
    clock.runImmediates();
  }

  ack(): void {
    if (this.#opened) {
      this.#receiver.onMessages([
        dataMessage({ type: MessageType.ACK, sessionId: SESSION, ack: this.received }),
      ]);
    }
  }
}

/** Nanoseconds of a delivery, over one round. */
type Round = () => number;

function fanOut(inRoute: string, outRoute: string, opened: boolean): Round {
  const subject = inRoute === outRoute ? `${inRoute}-${String(opened)}` : '';
  const subscribers = Array.from({ length: SUBSCRIBERS }, () => new Line(outRoute, opened, subject));
  const publisher = new Line(inRoute, false, subject);
  const chunk = Buffer.alloc(BYTES * 4, 0x5a);
  const message = dataMessage({ sessionId: SESSION, data: chunk.subarray(0, BYTES) });
  return () => {
    const before = subscribers.map(({ received }) => received);
    const cpu = process.cpuUsage();
    for (let n = 0; n < PUBLICATIONS; n += 1) publisher.send(message);
    const { user, system } = process.cpuUsage(cpu);
    for (const [n, subscriber] of subscribers.entries()) {
      if (subscriber.received - (before[n] ?? 0) !== PUBLICATIONS)
        throw new Error(
          `${inRoute}: subscriber ${n} got ${subscriber.received - (before[n] ?? 0)} of ${PUBLICATIONS}`,
        );
      subscriber.ack();
    }
    clock.runImmediates();
    return ((user + system) * 1_000) / (PUBLICATIONS * SUBSCRIBERS);
  };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}

console.log(`${SUBSCRIBERS} subscribers, ${BYTES} bytes, ${ROUNDS} rounds: nanoseconds a delivery`);
for (const opened of [false, true]) {
  const mode = opened ? 'opened' : 'simple';
  const ways = [
    {
      name: 'by hand',
      round: fanOut(`${mode}-fanout-in`, `${mode}-fanout-out`, opened),
      took: [] as number[],
    },
    {
      name: 'by hand, naming',
      round: fanOut(`${mode}-naming-in`, `${mode}-naming-out`, opened),
      took: [] as number[],
    },
    { name: 'topic', round: fanOut('room', 'room', opened), took: [] as number[] },
  ] as const;
  for (let round = -3; round < ROUNDS; round += 1) {
    // Whoever comes first changes, for the collector may come to any.
    for (let turn = 0; turn < ways.length; turn += 1) {
      const way = ways[(round + 3 + turn) % ways.length] ?? ways[0];
      const took = way.round();
      if (round >= 0) way.took.push(took);
    }
  }
  const topic = ways[2];
  for (const { name, took } of ways) {
    const ratio = median(topic.took.map((one, round) => one / (took[round] ?? NaN)));
    const times = name === topic.name ? '' : `; the topic takes ${ratio.toFixed(2)} times as much`;
    console.log(`${mode}, ${name}: ${Math.round(median(took))}${times}`);
  }
}
const gone = gateway.destroy();
clock.runImmediates();
await gone;
