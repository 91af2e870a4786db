/**
 * Bytes of memory that an idle session takes, simple or opened, attached or
 * waiting for its client; and what a held message and a kept Error take beside
 * their own bytes. Without a network: bench:idle has that.
 *
 *   node --expose-gc --import tsx bench/micro/session-memory.ts [--sessions n]
 */
import { parseArgs } from 'node:util';
import { ByteAccount } from '../../src/flow/byte-account.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import { ConnectionPool } from '../../src/pool/connection-pool.js';
import { StreamingServer } from '../../src/server/streaming-server.js';
import type { Route } from '../../src/session/route.js';
import { SessionManager } from '../../src/session/session-manager.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { StreamReceiver, TransportStream } from '../../src/transport/contract.js';
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';
import { openGate } from '../../test/helpers/open-gate.js';

const PER_CONNECTION = 100;
const RESUME_WINDOW_MS = 120_000;
const MIB = 1024 * 1024;
/** Of each session that is given something to hold. */
const HELD = 200;

/** Takes everything and keeps nothing. */
class Drain implements TransportStream {
  readonly method = 'StreamData';
  readonly peer = '127.0.0.1:1';
  readonly metadata: ReadonlyMap<string, string>;
  readonly bytesInFlight = 0;
  readonly bytesSent = 0;
  readonly bytesReceived = 0;
  receiver: StreamReceiver | undefined;

  constructor(clientId: string) {
    this.metadata = new Map([['x-client-id', clientId]]);
  }
  send(): void {
    // On its way.
  }
  resume(): void {
    // It is never stopped.
  }
  end(): void {
    // Its owner closes it.
  }
  reset(): void {
    // Its owner closes it.
  }
}

const silent = () => undefined;

/** Answers `data` as it came, `key` "many" with as many messages as are held, and fails on `key` "fail". */
const route: Route = {
  kind: 'bench',
  open: (session) => ({
    handle({ data, key }) {
      if (key === 'fail') throw new Error('no');
      const count = key === 'many' ? HELD : 1;
      for (let i = 0; i < count; i += 1) void session.send({ data });
    },
  }),
};

function newServer(sessionCount: number) {
  const clock = new FakeClock();
  const metrics = new StreamMetrics();
  const max = sessionCount + 1;
  const sessions = new SessionManager({
    ...{ clock, maxPerConnection: max, maxPerClient: max, max, idleTimeoutMs: 0, retryAfterMs: 0 },
    recent: { maxMessages: 32, maxBytes: 64 * 1024 },
    totalUp: metrics.up,
  });
  const server = new StreamingServer({
    ...{ clock, sessions, counters: metrics, nodeId: 'bench', defaultRoute: 'bench' },
    gatekeeper: openGate,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    pool: new ConnectionPool({ maxConnections: max, maxConnectionsPerClient: max, retryAfterMs: 0 }),
    settings: {
      ...{ receiveQueueMessages: 1_000_000, receiveQueueBytes: 1 << 30, sendQueueMessages: 1_000_000 },
      ...{ sendQueueBytes: 1 << 30, sendBufferBytes: 1 << 30, maxControlAnswers: 1_000_000 },
      ...{ maxMessageBytes: 5 * MIB, firstMessageTimeoutMs: 0, receiveTimeoutMs: 0, sendTimeoutMs: 15_000 },
      ...{ heartbeatIntervalMs: 0, flowControlDelayMs: 100, messagesPerSecond: 0, bytesPerSecond: 0 },
      ...{ maxStreamAgeMs: 0, maxStreamMessages: 0, maxStreamBytes: 0, ageJitter: 0, ageGraceMs: 30_000 },
      ...{ drainQuietMs: 1_000, maxSessionsPerConnection: max, resumeWindowMs: RESUME_WINDOW_MS },
      ...{ ackDelayMs: 50, shedAfterMs: 1_000, identifyTimeoutMs: 10_000, maxUnidentified: 1 },
      ...{ expiryNoticeMs: 0, expiryGraceMs: 0 },
    },
    windowed: {
      limits: {
        window: { messages: 256, bytes: MIB },
        maxWindow: { messages: 4_096, bytes: 16 * MIB },
        waiting: { messages: 512, bytes: 2 * MIB },
        ...{ maxPayloadBytes: MIB, maxMessageBytes: 5 * MIB, resumeWindowMs: RESUME_WINDOW_MS },
        recent: { maxMessages: 32, maxBytes: 64 * 1024 },
      },
      ...{ maxDetached: max, maxDetachedBytes: 2 ** 40 },
      ended: { max: 1_000, maxPerClient: 100, maxBytes: MIB },
    },
    account: new ByteAccount(2 ** 40),
    routes: new Map([['bench', route]]),
    interceptors: [],
  });
  return { clock, server };
}

function usedBytes(): number {
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function report(what: string, bytes: number, count: number): void {
  console.log(
    `${what.padEnd(52)} ${Math.round(bytes / count)
      .toString()
      .padStart(6)}`,
  );
}

function measure(kind: 'simple' | 'opened', count: number): void {
  const { clock, server } = newServer(count);
  const streams: Drain[] = [];
  const receivers: StreamReceiver[] = [];
  for (let i = 0; i * PER_CONNECTION < count; i += 1) {
    const stream = new Drain(`client-${i}`);
    streams.push(stream);
    receivers.push(server.accept(stream));
  }
  clock.runImmediates();
  const toEach = (message: (sessionId: string, i: number) => DataMessage): void => {
    for (let i = 0; i < count; i += 1)
      receivers[Math.floor(i / PER_CONNECTION)]?.onMessages([message(`session-${i}`, i)]);
    clock.advance(100);
  };
  const connected = usedBytes();
  const token = (i: number): Uint8Array => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, i);
    return bytes;
  };
  if (kind === 'opened') {
    toEach((sessionId, i) =>
      controlMessage(
        {
          ...{ action: 'open', route: '', subject: '', resumeToken: token(i), lastReceivedSequence: 0 },
          ...{ windowMessages: 4_096, windowBytes: 0, overflow: 0, history: 0, afterSequence: 0 },
          ...{ resume: false, attempt: 1 },
        },
        sessionId,
      ),
    );
    report('opened, attached, nothing sent yet', usedBytes() - connected, count);
  }
  const data = new Uint8Array(8);
  let sequence = 0;
  const send = (key = ''): void => {
    sequence += 1;
    const own = kind === 'opened' ? sequence : 0;
    toEach((sessionId) => dataMessage({ sessionId, sequence: own, data, key }));
  };
  send();
  if (kind === 'opened') toEach((sessionId) => dataMessage({ type: MessageType.ACK, sessionId, ack: 1 }));
  const used = usedBytes();
  report(`${kind}, attached, after a message each way`, used - connected, count);
  if (kind === 'simple') return;

  send('many');
  const holding = usedBytes();
  report('  each message held for the client, beside its data', holding - used, count * HELD);
  toEach((sessionId) => dataMessage({ type: MessageType.ACK, sessionId, ack: 1 + HELD }));
  const before = usedBytes();
  for (let i = 0; i < 20; i += 1) send('fail');
  report('  each Error kept', usedBytes() - before, count * 20);
  // A window on, they are forgotten.
  for (let i = 0; i < 300; i += 1) {
    send();
    toEach((sessionId) => dataMessage({ type: MessageType.ACK, sessionId, ack: 2 + HELD + i }));
  }
  report('opened, attached, after all that', usedBytes() - connected, count);
  for (const receiver of receivers.splice(0)) receiver.onClose('lost');
  streams.length = 0;
  clock.runImmediates();
  // The connections are gone, too: this is all there is.
  report('opened, waiting for its client', usedBytes() - connected, count);
  server.destroy();
}

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '20000' } } });
const count = Number(values.sessions);
console.log(`bytes each, of ${count} sessions, ${PER_CONNECTION} a connection`);
measure('simple', count);
measure('opened', count);
