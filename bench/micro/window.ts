/**
 * Nanoseconds a message costs in the windows and queues of an opened session:
 * 256-byte messages, a window of 256. Run: npx tsx bench/micro/window.ts
 */
import { Bench } from 'tinybench';
import { FlowCounters } from '../../src/core/counters.js';
import { fits, Load } from '../../src/flow/window.js';
import { Inbox } from '../../src/session/windowed/inbox.js';
import { Outbox } from '../../src/session/windowed/outbox.js';
import type { Overflow } from '../../src/session/overflow.js';
import { type DataMessage, dataMessage } from '../../src/wire/messages.js';
import { printNanoseconds } from './nanoseconds.js';

const WINDOW = { messages: 256, bytes: 1 << 20 };
const BOUND = { messages: 512, bytes: 2 << 20 };
/** Messages inside one measured call, so that the timer's own cost disappears. */
const MESSAGES = 4096;
const BATCH = 64;
const DATA = Buffer.alloc(256, 0x5a);
const KEYS = Array.from({ length: 1024 }, (_, i) => `key-${(i * 389) % 1024}`);

const total = new FlowCounters();
let sink = 0;
/** A message a millisecond. */
let nowMs = 0;

/** As a route makes one. Its cost is shown apart. */
function newMessage(sequence: number, key = '', ttlMs = 0): DataMessage {
  return dataMessage({ sessionId: 'session-0042', sequence, data: DATA, key, ttlMs });
}

function newOutbox(overflow: Overflow): Outbox {
  const outbox = new Outbox({
    sessionId: 'session-0042',
    overflow,
    bound: BOUND,
    counters: new FlowCounters(),
    total,
  });
  outbox.attach(0, WINDOW);
  return outbox;
}

/** Admits, takes and acknowledges in batches, half a window behind. */
function stream(outbox: Outbox, ttlMs = 0): void {
  const batch: DataMessage[] = [];
  for (let sent = 0; sent < MESSAGES; sent += BATCH) {
    for (let i = 0; i < BATCH; i += 1) outbox.admit(newMessage(0, '', ttlMs), (nowMs += 1));
    batch.length = 0;
    sink += outbox.take(batch, BATCH, Infinity, nowMs);
    if (outbox.inFlight.messages >= WINDOW.messages / 2) outbox.ack(outbox.cursor - BATCH);
  }
}

/** Everything goes to a client that takes nothing. */
function overflowing(outbox: Outbox, keys: boolean, ttlMs = 0): void {
  for (let i = 0; i < MESSAGES; i += 1)
    outbox.admit(newMessage(0, keys ? KEYS[i & (KEYS.length - 1)] : '', ttlMs), (nowMs += 1));
  sink += outbox.waiting.messages;
}

const flowing = newOutbox('block');
const withTtl = newOutbox('block');
const dropOldest = newOutbox('drop-oldest');
const conflating = newOutbox('conflate');
const expiring = newOutbox('drop-oldest');

const held = new Load();
const inbox = new Inbox({ wantsWhole: false, maxPayloadBytes: 1 << 20, counters: new FlowCounters(), total });
inbox.attach(WINDOW);
let sequence = 0;

const bench = new Bench({ time: 500, warmupTime: 250 })
  .add('nothing but the messages', () => {
    for (let i = 0; i < MESSAGES; i += 1) sink += newMessage(i).sequence;
  })
  .add('a window alone: fits, add, subtract', () => {
    for (let i = 0; i < MESSAGES; i += 1) {
      if (!fits(WINDOW, held, 1, DATA.length)) held.clear();
      held.add(DATA.length);
      if ((i & 1) === 1) held.subtract(DATA.length);
    }
    sink += held.messages;
  })
  .add('outbox: admit, take, ack', () => stream(flowing))
  .add('outbox: admit, take, ack, with a time to live', () => stream(withTtl, 5000))
  .add('outbox: drop-oldest, full', () => overflowing(dropOldest, false))
  .add('outbox: conflate, full of keys in any order', () => overflowing(conflating, true))
  .add('outbox: full, each expires', () => overflowing(expiring, false, 400))
  .add('inbox: receive, accept, tell', () => {
    for (let i = 0; i < MESSAGES; i += 1) {
      sequence += 1;
      if (inbox.receive(newMessage(sequence)) !== 'admitted') throw new Error('the window is not kept');
      sink += inbox.handling()?.sequence ?? 0;
      inbox.accept();
      if (inbox.ackDue) sink += inbox.tell();
    }
  });

await printNanoseconds(bench, MESSAGES);
if (!Number.isFinite(sink)) console.log(sink);
