import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../src/core/counters.js';
import { SluiceError } from '../../src/core/errors.js';
import { SendLane } from '../../src/pool/send-lane.js';
import { SendQueue } from '../../src/pool/send-queue.js';
import { controlMessage, dataMessage, type DataMessage } from '../../src/wire/messages.js';

const MAX_MESSAGES = 12;
const MAX_BYTES = 400;
const LANES = 3;

const move = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('push' as const), lane: fc.nat(LANES - 1), size: fc.nat(90) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      messages: fc.integer({ min: 1, max: 20 }),
      bytes: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), lane: fc.nat(LANES - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), lane: fc.nat(LANES - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pauseAll' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resumeAll' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('discard' as const), lane: fc.nat(LANES - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('control' as const) }) },
);

function newQueue(): { queue: SendQueue; total: FlowCounters } {
  const total = new FlowCounters();
  return {
    queue: new SendQueue({ maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES, maxControl: 8 }, total),
    total,
  };
}

describe('SendQueue', () => {
  it('keeps its bounds, each lane in order, pauses, and the account, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 120 }), (moves) => {
        const { queue, total } = newQueue();
        const lanes = Array.from(
          { length: LANES },
          () => new SendLane(queue, new FlowCounters(), () => undefined),
        );
        const accepted = lanes.map(() => [] as number[]);
        const taken = lanes.map(() => [] as number[]);
        const discardedUpTo = lanes.map(() => 0);
        let pausedAll = false;
        let next = 1;
        for (const step of moves) {
          switch (step.kind) {
            case 'push': {
              const message = dataMessage({
                sessionId: String(step.lane),
                sequence: next,
                data: new Uint8Array(step.size),
              });
              try {
                queue.push(lanes[step.lane]!, message)?.catch(() => undefined);
                accepted[step.lane]!.push(next);
              } catch (error) {
                expect((error as SluiceError).code).toBe('OVERLOADED');
                expect(queue.hasWaiting).toBe(true);
              }
              next += 1;
              break;
            }
            case 'take': {
              const batch: DataMessage[] = [];
              const pausedLanes = lanes.map((lane) => lane.paused);
              const weight = queue.takeData(batch, step.messages, step.bytes);
              expect(batch.length).toBeLessThanOrEqual(step.messages);
              // The last message may pass the bound, by less than itself.
              const last = batch.at(-1)?.data.byteLength ?? 0;
              expect(weight - last).toBeLessThan(step.bytes);
              if (pausedAll) expect(batch).toEqual([]);
              for (const message of batch) {
                expect(pausedLanes[Number(message.sessionId)]).toBe(false);
                taken[Number(message.sessionId)]!.push(message.sequence);
              }
              break;
            }
            case 'pause':
              queue.pauseLane(lanes[step.lane]!);
              break;
            case 'resume':
              queue.resumeLane(lanes[step.lane]!);
              break;
            case 'pauseAll':
              queue.pauseAll();
              pausedAll = true;
              break;
            case 'resumeAll':
              queue.resumeAll();
              pausedAll = false;
              break;
            case 'discard': {
              const lane = lanes[step.lane]!;
              const held = lane.messages.length;
              const dropped = queue.discard(lane, new SluiceError('INTERNAL', 'test'));
              expect(dropped).toBe(held);
              lane.counters.droppedBy['session-closed'] += dropped;
              total.droppedBy['session-closed'] += dropped;
              discardedUpTo[step.lane] = accepted[step.lane]!.at(-1) ?? 0;
              break;
            }
            case 'control':
              queue.pushControl(controlMessage({ action: 'resume' }));
              queue.takeControl([], 100);
              break;
          }
          expect(queue.quota.messages).toBeLessThanOrEqual(MAX_MESSAGES);
          expect(queue.quota.messages).toBe(lanes.reduce((sum, lane) => sum + lane.messages.length, 0));
          expect(queue.quota.bytes <= MAX_BYTES || queue.quota.messages === 1).toBe(true);
          expect(total.pending).toBe(queue.quota.messages);
          for (const lane of lanes) expect(lane.counters.pending).toBe(lane.messages.length);
        }
        // Emptied at the end: what was accepted and not discarded has come, in order, once.
        queue.resumeAll();
        for (const lane of lanes) queue.resumeLane(lane);
        for (let batch: DataMessage[] = [], before = -1; before !== batch.length;) {
          before = batch.length;
          queue.takeData(batch, Infinity, Infinity);
          if (batch.length === before) break;
          for (const message of batch.slice(before)) taken[Number(message.sessionId)]!.push(message.sequence);
        }
        expect(queue.isEmpty).toBe(true);
        for (let lane = 0; lane < LANES; lane += 1) {
          const came = taken[lane]!;
          expect(came).toEqual([...came].sort((a, b) => a - b));
          expect(new Set(came).size).toBe(came.length);
          const owed = accepted[lane]!.filter((sequence) => sequence > discardedUpTo[lane]!);
          expect(came.filter((sequence) => sequence > discardedUpTo[lane]!)).toEqual(owed);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives every lane its turn: one that is full does not starve another', () => {
    const total = new FlowCounters();
    const queue = new SendQueue({ maxMessages: 512, maxBytes: 1 << 20, maxControl: 8 }, total);
    const busy = new SendLane(queue, new FlowCounters(), () => undefined);
    const quiet = new SendLane(queue, new FlowCounters(), () => undefined);
    for (let n = 0; n < 400; n += 1) void queue.push(busy, dataMessage({ sessionId: 'busy' }));
    void queue.push(quiet, dataMessage({ sessionId: 'quiet' }));
    const batch: DataMessage[] = [];
    queue.takeData(batch, 20, Infinity);
    expect(batch.map((m) => m.sessionId)).toContain('quiet');
  });

  it('lets waiting sends in, first come first served, and refuses them when their lane goes', async () => {
    const { queue } = newQueue();
    const one = new SendLane(queue, new FlowCounters(), () => undefined);
    const two = new SendLane(queue, new FlowCounters(), () => undefined);
    for (let n = 0; n < MAX_MESSAGES; n += 1)
      expect(queue.push(one, dataMessage({ sequence: n + 1 }))).toBeUndefined();
    const order: string[] = [];
    const first = queue.push(one, dataMessage({ sequence: 100 }))?.then(() => order.push('first'));
    const second = queue.push(two, dataMessage({ sequence: 200 }))?.then(() => order.push('second'));
    const doomed = queue.push(two, dataMessage({ sequence: 201 }));
    queue.takeData([], 2, Infinity);
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
    queue.discard(two, new SluiceError('SLOW_CONSUMER', 'gone'));
    await expect(doomed).rejects.toMatchObject({ code: 'SLOW_CONSUMER' });
    expect(two.waiting).toBe(0);
  });

  it('writes the last message of a lane after everything, once', () => {
    const { queue } = newQueue();
    let finished = 0;
    const lane = new SendLane(queue, new FlowCounters(), () => {
      finished += 1;
    });
    void queue.push(lane, dataMessage({ sequence: 1 }));
    queue.finish(lane, controlMessage({ action: 'close' }));
    const batch: DataMessage[] = [];
    queue.takeData(batch, 1, Infinity);
    expect(finished).toBe(0);
    queue.takeData(batch, 10, Infinity);
    expect(batch.map((m) => m.control?.action)).toEqual([undefined, 'close']);
    expect(finished).toBe(1);
    expect(queue.isEmpty).toBe(true);
  });
});
