import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { SluiceError } from '../../../src/core/errors.js';
import { SendLane } from '../../../src/pool/send-lane.js';
import { SendQueue } from '../../../src/pool/send-queue.js';
import { controlMessage, dataMessage, type DataMessage } from '../../../src/wire/messages.js';

const CLOSED = controlMessage({ action: 'close' });

function newQueue(maxMessages: number, maxBytes = 1_000) {
  const queue = new SendQueue({ maxMessages, maxBytes, maxControl: 8 }, new FlowCounters());
  const lane = (): SendLane => new SendLane(queue, new FlowCounters(), () => undefined);
  const push = (to: SendLane, size = 1): undefined | Promise<void> =>
    queue.push(to, dataMessage({ data: new Uint8Array(size) }));
  const take = (): DataMessage[] => {
    const batch: DataMessage[] = [];
    queue.takeData(batch, Infinity, Infinity);
    return batch;
  };
  return { queue, lane, push, take };
}

describe('SendQueue', () => {
  it('a lane that is finished waits for its own sends without turning in circles', async () => {
    const { queue, lane, push, take } = newQueue(2);
    const paused = lane();
    const ended = lane();
    queue.pauseLane(paused);
    void push(paused);
    void push(paused);
    const waiting = push(ended);
    queue.finish(ended, CLOSED);
    expect(take()).toEqual([]);
    expect(queue.hasReadyData).toBe(false);
    queue.resumeLane(paused);
    expect(take()).toHaveLength(4);
    await waiting;
    expect(ended.counters).toMatchObject({ admitted: 1, delivered: 1 });
    expect(queue.isEmpty).toBe(true);
  });

  it('lets the first waiting send of every lane wait, however many others do', () => {
    const { queue, lane, push } = newQueue(2);
    const greedy = lane();
    for (let n = 0; n < 4; n += 1) void push(greedy);
    expect(() => push(greedy)).toThrow(/2 sends .*sendQueueMessages = 2/);
    const patient = lane();
    expect(push(patient)).toBeInstanceOf(Promise);
    expect(() => push(patient)).toThrow(SluiceError);
    expect(queue.hasWaiting).toBe(true);
  });

  it('bounds the waiting sends in bytes, too', () => {
    const { lane, push } = newQueue(100, 1_000);
    const one = lane();
    void push(one, 1_000);
    expect(push(one, 5_000)).toBeInstanceOf(Promise);
    expect(() => push(one, 1)).toThrow(/sendQueueSize = 1000/);
    const other = lane();
    expect(push(other, 600)).toBeInstanceOf(Promise);
  });

  it('forgets the bytes of waiting sends that were let in or refused', async () => {
    const { queue, lane, push, take } = newQueue(100, 1_000);
    const one = lane();
    const two = lane();
    void push(one, 1_000);
    const refused = push(two, 900);
    queue.discard(two, new SluiceError('INTERNAL', 'gone'));
    await expect(refused).rejects.toThrow('gone');
    void push(one, 900);
    expect(push(one, 100)).toBeInstanceOf(Promise);
    take();
    take();
    void push(one, 1_000);
    void push(one, 900);
    expect(push(one, 100)).toBeInstanceOf(Promise);
  });

  it('is empty once what was left of its lanes is discarded, paused or not', () => {
    const { queue, lane, push } = newQueue(10);
    const gone = lane();
    void push(gone);
    queue.pauseAll();
    queue.finish(gone, CLOSED);
    expect(queue.isEmpty).toBe(false);
    queue.discard(gone, new SluiceError('INTERNAL', 'gone'));
    expect(queue.isEmpty).toBe(true);
  });

  it('is not empty while the last word of a paused lane waits', () => {
    const { queue, lane, take } = newQueue(10);
    const paused = lane();
    queue.pauseLane(paused);
    queue.finish(paused, CLOSED);
    expect(take()).toEqual([]);
    expect(queue.isEmpty).toBe(false);
    queue.resumeLane(paused);
    expect(take()).toEqual([CLOSED]);
    expect(queue.isEmpty).toBe(true);
  });
});
