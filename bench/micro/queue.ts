/**
 * Nanoseconds a message costs in the send queue of a connection: from a route's
 * send to the batch that the send loop writes; and the ring that all queues are
 * made of. Run: npx tsx bench/micro/queue.ts
 */
import { Bench } from 'tinybench';
import { FlowCounters } from '../../src/core/counters.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import { RingQueue } from '../../src/flow/ring-queue.js';
import { SendLane } from '../../src/pool/send-lane.js';
import { SendQueue } from '../../src/pool/send-queue.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { printNanoseconds } from './nanoseconds.js';

/** Messages inside one measured call. */
const MESSAGES = 4096;
/** What the send loop takes at most at a time. */
const WRITE = 512;
const MESSAGE = dataMessage({ sessionId: 'session-0042', data: Buffer.alloc(256, 0x5a) });
let sink = 0;

interface Queued {
  readonly queue: SendQueue;
  readonly lanes: readonly SendLane[];
  readonly batch: DataMessage[];
}

function queued(laneCount: number): Queued {
  const bound = { maxMessages: 512, maxBytes: 2 << 20, maxControl: 1024 };
  const queue = new SendQueue({ ...bound, account: new ByteAccount(1 << 30) }, new FlowCounters());
  const lane = (): SendLane => new SendLane(queue, new FlowCounters(), () => undefined);
  return { queue, lanes: Array.from({ length: laneCount }, lane), batch: [] };
}

/** So many in turn over the lanes, then all are taken. */
function flow({ queue, lanes, batch }: Queued, turn: number): void {
  for (let sent = 0; sent < MESSAGES; sent += turn) {
    for (let i = 0; i < turn; i += 1) void queue.push(lanes[i % lanes.length] as SendLane, MESSAGE);
    take(queue, batch);
  }
}

function take(queue: SendQueue, batch: DataMessage[]): void {
  batch.length = 0;
  queue.takeControl(batch, WRITE);
  sink += queue.takeData(batch, WRITE, Infinity);
}

function cycle(ring: RingQueue<DataMessage>, depth: number): void {
  for (let sent = 0; sent < MESSAGES; sent += depth) {
    for (let i = 0; i < depth; i += 1) ring.push(MESSAGE);
    for (let i = 0; i < depth; i += 1) sink += ring.shift()?.sequence ?? 0;
  }
}

const one = queued(1);
const few = queued(16);
const many = queued(128);
const control = queued(1);
const full = queued(1);
const shallow = new RingQueue<DataMessage>();
const deep = new RingQueue<DataMessage>();

const bench = new Bench({ time: 500, warmupTime: 250 })
  .add('ring: 1 in, 1 out', () => cycle(shallow, 1))
  .add('ring: 512 in, 512 out (it grows, and is given up)', () => cycle(deep, 512))
  .add('1 lane, 1 a turn', () => flow(one, 1))
  .add('1 lane, 16 a turn', () => flow(one, 16))
  .add('16 lanes, 16 a turn', () => flow(few, 16))
  .add('128 lanes, 512 a turn: the queue is full', () => flow(many, 512))
  .add('control, 16 a turn', () => {
    for (let sent = 0; sent < MESSAGES; sent += 16) {
      for (let i = 0; i < 16; i += 1) control.queue.pushControl(MESSAGE);
      take(control.queue, control.batch);
    }
  })
  .add('beyond the bound: each send waits for room', async () => {
    const { queue, batch } = full;
    const lane = full.lanes[0] as SendLane;
    for (let i = 0; i < WRITE; i += 1) void queue.push(lane, MESSAGE);
    for (let sent = 0; sent < MESSAGES; sent += 1) {
      const room = queue.push(lane, MESSAGE);
      batch.length = 0;
      sink += queue.takeData(batch, 1, Infinity);
      await room;
    }
    take(queue, batch);
  });

await printNanoseconds(bench, MESSAGES);
if (!Number.isFinite(sink)) console.log(sink);
