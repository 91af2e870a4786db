import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingQueue } from '../../src/flow/ring-queue.js';

describe('RingQueue', () => {
  it('behaves as an array that is pushed and shifted', () => {
    const move = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('push' as const), times: fc.integer({ min: 1, max: 40 }) }),
      },
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('shift' as const), times: fc.integer({ min: 1, max: 40 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), times: fc.constant(1) }) },
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const queue = new RingQueue<number>();
        const model: number[] = [];
        let next = 0;
        for (const { kind, times } of moves) {
          for (let i = 0; i < times; i += 1) {
            if (kind === 'push') {
              queue.push(next);
              model.push(next);
              next += 1;
            } else if (kind === 'shift') {
              expect(queue.peek()).toBe(model[0]);
              expect(queue.shift()).toBe(model.shift());
            } else {
              queue.clear();
              model.length = 0;
            }
          }
          expect(queue.length).toBe(model.length);
          expect(queue.peek()).toBe(model[0]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
