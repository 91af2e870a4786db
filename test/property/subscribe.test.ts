/** Whatever is published, read, or waited for: a subscriber has every sequence once, in order, delivered or in a Gap. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DataMessage } from '../../src/wire/messages.js';
import { isData, MessageType } from '../../src/wire/messages.js';
import { callsWorld, OVERFLOW, subscribe } from '../helpers/memory-calls.js';

type Step =
  | { readonly kind: 'publish'; readonly count: number; readonly key: string; readonly ttlMs: number }
  | { readonly kind: 'read'; readonly count: number }
  | { readonly kind: 'wait'; readonly ms: number };

const step = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({
    kind: fc.constant('publish' as const),
    count: fc.integer({ min: 1, max: 12 }),
    key: fc.constantFrom('', 'a', 'b'),
    ttlMs: fc.constantFrom(0, 0, 0, 40),
  }),
  fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 60, 400) }),
);

const run = fc.record({
  overflow: fc.constantFrom('drop-oldest', 'drop-newest', 'conflate', 'block', 'disconnect'),
  before: fc.integer({ min: 1, max: 30 }),
  after: fc.integer({ min: 0, max: 30 }),
  history: fc.integer({ min: 0, max: 10 }),
  queueMessages: fc.integer({ min: 1, max: 8 }),
  historyMessages: fc.integer({ min: 1, max: 20 }),
  steps: fc.array(step, { maxLength: 25 }),
});

/** Takes note of one message; returns the position after it. */
function follow(position: number | undefined, message: DataMessage): number {
  const { control, sequence } = message;
  if (control?.action === 'welcome') {
    expect(position).toBeUndefined();
    return sequence;
  }
  if (message.type === MessageType.HEARTBEAT) {
    expect(sequence).toBe(position);
    return sequence;
  }
  if (control?.action === 'gap') {
    expect(control.fromSequence).toBe(position! + 1);
    expect(control.toSequence).toBeGreaterThanOrEqual(control.fromSequence);
    return control.toSequence;
  }
  expect(isData(message)).toBe(true);
  expect(sequence).toBe(position! + 1);
  return sequence;
}

it('every sequence once, in order, delivered or in a Gap; every message is accounted for', async () => {
  await fc.assert(
    fc.asyncProperty(
      run,
      async ({ overflow, before, after, history, queueMessages, historyMessages, steps }) => {
        const world = callsWorld(
          { sendQueueMessages: queueMessages, sendBufferBytes: 40, heartbeatIntervalMs: 300 },
          { historyMessages },
        );
        const publish = (key: string, ttlMs: number): void => {
          const published = world.topic.publish('room', { data: Buffer.alloc(10), key, ttlMs, from: 'x' });
          void Promise.resolve(published);
        };
        let last = (await world.topic.publish('room', { data: Buffer.alloc(1), from: 'x' })).sequence;
        const base = last;
        for (let n = 0; n < before; n += 1, last += 1) publish('', 0);
        const client = subscribe(
          world,
          {
            afterSequence: after === 0 ? 0 : Math.min(base + after - 1, last),
            history,
            overflow: OVERFLOW[overflow as keyof typeof OVERFLOW],
          },
          { windowBytes: 60 },
        );
        await world.clock.settle();
        let position: number | undefined;
        const pending: Promise<void>[] = [];
        const read = (): void => {
          pending.push(
            client.receive().then((message) => {
              if (message !== undefined) position = follow(position, message);
            }),
          );
        };
        for (const each of steps) {
          if (each.kind === 'publish') {
            for (let n = 0; n < each.count; n += 1, last += 1) publish(each.key, each.ttlMs);
          } else if (each.kind === 'read') for (let n = 0; n < each.count; n += 1) read();
          else await world.clock.advanceAsync(each.ms);
          await world.clock.settle();
          const { down } = world.metrics;
          expect(down.pending).toBe(world.pool.size === 0 ? 0 : [...world.pool][0]!.sendQueue.quota.messages);
        }
        const disconnected = world.metrics.slowConsumers > 0;
        for (let n = 0; n < 400 && (position ?? 0) < last && !disconnected; n += 1) {
          read();
          await world.clock.settle();
        }
        if (!disconnected) expect(position).toBe(last);
        client.cancel();
        await world.clock.settle();
        await Promise.all(pending);
        const { down } = world.metrics;
        expect(down.admitted).toBe(down.delivered + down.dropped);
        expect({ connections: world.pool.size, bytes: world.account.bytes }).toEqual({
          connections: 0,
          bytes: 0,
        });
        expect(world.topic.levels.subscribers).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});
