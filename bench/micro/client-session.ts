/**
 * Nanoseconds a message costs in one session of the SDK, without a network:
 * 256-byte messages, a window of 256. Run: npx tsx bench/micro/client-session.ts
 */
import { Bench } from 'tinybench';
import type { SessionHost } from '../../src/client/attached-session.js';
import { createSession } from '../../src/client/session/create-session.js';
import { SystemClock } from '../../src/core/clock.js';
import { controlMessage, type DataMessage, dataMessage, MessageType } from '../../src/wire/messages.js';
import { printNanoseconds } from './nanoseconds.js';

/** Messages inside one measured call, so that the timer's own cost disappears. */
const MESSAGES = 4096;
const BATCH = 64;
const DATA = Buffer.alloc(256, 0x5a);
const ID = 'session-0042';

const host: SessionHost = {
  clock: new SystemClock(),
  wake: () => undefined,
  opened: () => undefined,
  reopen: () => undefined,
  over: () => undefined,
};

/** A session with a gateway that takes everything and answers when told to. */
function opened() {
  const { session, attached } = createSession('echo', { id: ID }, [], host);
  attached.attach({
    action: 'welcome',
    ...{ connectionId: 'c', clientId: 'ann', nodeId: 'n', heartbeatIntervalMs: 0, maxMessageBytes: 5 << 20 },
    ...{ maxSessions: 128, resumeWindowMs: 0, protocolVersion: 1 },
  });
  const open = attached.next()?.control;
  if (open?.action !== 'open') throw new Error('it does not open');
  attached.receive(
    controlMessage(
      {
        action: 'opened',
        ...{ resumed: false, resumeToken: open.resumeToken, lastReceivedSequence: 0 },
        ...{ windowMessages: 256, windowBytes: 1 << 20 },
      },
      ID,
    ),
  );
  return { session, attached };
}

const up = opened();
const upWaited = opened();
const down = opened();
const loop = opened();
const both = opened();
let sequence = 0;
let sink = 0;

function drain({ attached }: ReturnType<typeof opened>): number {
  let last = 0;
  for (let next = attached.next(); next !== undefined; next = attached.next()) last = next.sequence;
  return last;
}

function ack(of: ReturnType<typeof opened>, through: number): void {
  of.attached.receive(dataMessage({ type: MessageType.ACK, sessionId: ID, ack: through }));
}

const sequences = new Map<object, number>();
function deliver(to: ReturnType<typeof opened>): void {
  let next = sequences.get(to) ?? 0;
  for (let i = 0; i < BATCH; i += 1) {
    next += 1;
    to.attached.receive(newMessage(next));
  }
  sequences.set(to, next);
}

function newMessage(next: number): DataMessage {
  return dataMessage({ sessionId: ID, sequence: next, data: DATA });
}

const iterator = loop.session[Symbol.asyncIterator]();
const bench = new Bench({ time: 500, warmupTime: 250 })
  .add('nothing but the messages', () => {
    for (let i = 0; i < MESSAGES; i += 1) sink += newMessage(i).sequence;
  })
  .add('up: send, write, acknowledged', () => {
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      for (let i = 0; i < BATCH; i += 1) void up.session.send(DATA);
      ack(up, drain(up));
    }
  })
  .add('up: await each send', async () => {
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      for (let i = 0; i < BATCH; i += 1) await up.session.send(DATA);
      ack(up, drain(up));
    }
  })
  .add('up: sendAndWait', async () => {
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      const settled: Promise<void>[] = [];
      for (let i = 0; i < BATCH; i += 1) settled.push(upWaited.session.sendAndWait(DATA));
      ack(upWaited, drain(upWaited));
      await Promise.all(settled);
    }
  })
  .add('down: received, taken by receive(), acknowledged', async () => {
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      deliver(down);
      for (let i = 0; i < BATCH; i += 1) sink += (await down.session.receive())?.sequence ?? 0;
      drain(down);
    }
  })
  .add('down: the same by a loop', async () => {
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      deliver(loop);
      for (let i = 0; i < BATCH; i += 1) sink += (await iterator.next()).value?.sequence ?? 0;
      drain(loop);
    }
  })
  .add('both: each answered by the next', async () => {
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      deliver(both);
      for (let i = 0; i < BATCH; i += 1) {
        sink += (await both.session.receive())?.sequence ?? 0;
        await both.session.send(DATA);
      }
      sequence = drain(both);
      ack(both, sequence);
    }
  });

await printNanoseconds(bench, MESSAGES);
if (!Number.isFinite(sink)) console.log(sink);
