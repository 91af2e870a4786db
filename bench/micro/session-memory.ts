/**
 * Bytes of memory that an idle session takes, simple or opened, attached or
 * waiting for its client; and what a held message and a kept Error take beside
 * their own bytes. Without a network: the case `idle` of the benchmarks has that.
 *
 *   node --expose-gc --import tsx bench/micro/session-memory.ts [--sessions n]
 */
import { parseArgs } from 'node:util';
import type { Route } from '../../src/session/route.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { memoryGateway } from '../../src/testing/memory-gateway.js';
import type { StreamReceiver } from '../../src/transport/contract.js';
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';
import { firstOpen } from '../load/first-open.js';
import { QuietStream } from './quiet-stream.js';

const PER_CONNECTION = 100;
/** Of each session that is given something to hold. */
const HELD = 200;

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

/** Everything by default, but for what so many sessions need. */
function newGateway(sessionCount: number) {
  const clock = new FakeClock();
  const settings = {
    'session.max': sessionCount,
    'session.maxDetached': sessionCount,
    'memory.budget': '16GiB',
    'stream.heartbeatInterval': 0,
  };
  return { clock, gateway: memoryGateway({ clock, settings, routes: { bench: route } }) };
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

async function measure(kind: 'simple' | 'opened', count: number): Promise<void> {
  const { clock, gateway } = newGateway(count);
  const streams: QuietStream[] = [];
  const receivers: StreamReceiver[] = [];
  for (let i = 0; i * PER_CONNECTION < count; i += 1) {
    const stream = new QuietStream({ 'x-client-id': `client-${i}` });
    streams.push(stream);
    receivers.push(gateway.gateway.accept(stream));
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
      controlMessage(firstOpen({ resumeToken: token(i), windowMessages: 4_096 }), sessionId),
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
  if (kind === 'simple') {
    await clock.until(gateway.gateway.destroy());
    return;
  }

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
  await clock.until(gateway.gateway.destroy());
}

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '4000' } } });
const count = Number(values.sessions);
console.log(`bytes each, of ${count} sessions, ${PER_CONNECTION} a connection`);
await measure('simple', count);
await measure('opened', count);
