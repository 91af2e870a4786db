import { describe, expect, it } from 'vitest';
import { PolicyQueue, type QueueItem, type QueueOverflow } from '../../../src/flow/policy-queue.js';

function queueOf(overflow: QueueOverflow, maxMessages = 2, maxBytes = 100): PolicyQueue<QueueItem> {
  return new PolicyQueue({ overflow, maxMessages, maxBytes });
}

function item(sequence: number, { key = '', bytes = 1 } = {}): QueueItem {
  return { sequence, key, bytes };
}

function drain(queue: PolicyQueue<QueueItem>, nowMs = 0): unknown[] {
  const taken: unknown[] = [];
  for (let entry = queue.take(nowMs); entry !== undefined; entry = queue.take(nowMs)) {
    taken.push('reason' in entry ? entry : entry.sequence);
  }
  return taken;
}

describe('PolicyQueue', () => {
  it('lets one item of any size into an empty queue', () => {
    const queue = queueOf('block', 2, 10);
    expect(queue.offer(item(1, { bytes: 1_000 }), 0)).toBe('taken');
    expect(queue.offer(item(2), 0)).toBe('full');
    expect(drain(queue)).toEqual([1]);
    expect(queue.offer(item(2), 0)).toBe('taken');
  });

  it('drops the oldest, and tells of adjoining drops as one', () => {
    const queue = queueOf('drop-oldest');
    for (let sequence = 1; sequence <= 5; sequence += 1) queue.offer(item(sequence), 0);
    expect(queue.peek(0)).toEqual({ from: 1, to: 3, reason: 'overflow' });
    expect(drain(queue)).toEqual([{ from: 1, to: 3, reason: 'overflow' }, 4, 5]);
  });

  it('drops the newest behind what waits', () => {
    const queue = queueOf('drop-newest');
    for (let sequence = 1; sequence <= 4; sequence += 1) queue.offer(item(sequence), 0);
    expect(drain(queue)).toEqual([1, 2, { from: 3, to: 4, reason: 'overflow' }]);
  });

  it('ends a slow consumer under disconnect, and keeps what waited', () => {
    const queue = queueOf('disconnect', 1);
    queue.offer(item(1), 0);
    expect(queue.offer(item(2), 0)).toBe('disconnect');
    expect(drain(queue)).toEqual([1]);
  });

  it('keeps the last of each key under conflate, and drops the oldest where all keys differ', () => {
    const queue = queueOf('conflate', 2);
    queue.offer(item(1, { key: 'a' }), 0);
    queue.offer(item(2, { key: 'b' }), 0);
    queue.offer(item(3, { key: 'a' }), 0);
    expect(queue.messages).toBe(2);
    queue.offer(item(4, { key: 'c' }), 0);
    expect(drain(queue)).toEqual([{ from: 1, to: 2, reason: 'overflow' }, 3, 4]);
    expect(queue.isEmpty).toBe(true);
  });

  it('replaces nothing that was taken already', () => {
    const queue = queueOf('conflate');
    queue.offer(item(1, { key: 'a' }), 0);
    expect(drain(queue)).toEqual([1]);
    queue.offer(item(2, { key: 'a' }), 0);
    expect(drain(queue)).toEqual([2]);
    expect(queue.dropped).toEqual({ overflow: 0, expired: 0 });
  });

  it('drops what has expired, under the reason of the first of a range', () => {
    const queue = queueOf('drop-oldest', 3);
    queue.offer({ ...item(1), expiresAtMs: 10 }, 0);
    queue.offer({ ...item(2), expiresAtMs: 20 }, 0);
    queue.offer(item(3), 0);
    expect(queue.peek(9)).toMatchObject({ sequence: 1 });
    queue.offer(item(4), 10);
    queue.offer(item(5), 10);
    expect(drain(queue, 10)).toEqual([{ from: 1, to: 2, reason: 'expired' }, 3, 4, 5]);
    expect(queue.dropped).toEqual({ overflow: 1, expired: 1 });
  });

  it('tells of what was lost before it came, at its place', () => {
    const queue = queueOf('drop-oldest');
    queue.offer(item(5), 0);
    queue.lost(6, 8, 'RESUME_EXPIRED');
    queue.offer(item(9), 0);
    expect(queue.messages).toBe(2);
    queue.offer(item(10), 0);
    expect(drain(queue)).toEqual([{ from: 5, to: 8, reason: 'overflow' }, 9, 10]);
    queue.lost(11, 12, 'RESUME_EXPIRED');
    queue.lost(13, 14, 'overflow');
    expect(queue.isEmpty).toBe(false);
    expect(drain(queue)).toEqual([{ from: 11, to: 14, reason: 'RESUME_EXPIRED' }]);
  });
});
