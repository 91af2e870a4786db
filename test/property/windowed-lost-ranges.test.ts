import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LostRanges } from '../../src/session/windowed/lost-ranges.js';

const LAST = 16;
const sequence = fc.integer({ min: 1, max: LAST });

const move = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      from: sequence,
      length: fc.integer({ min: 1, max: 4 }),
      /** Often right before it, where it has to stay apart. */
      position: fc.oneof(sequence, fc.constant('before' as const)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), through: sequence }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
);

interface Range {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Every range anew: what it touches goes, then all that adjoin are one, save at the position. */
function added(ranges: readonly Range[], range: Range, position: number): Range[] {
  const apart = ranges.filter(({ from, to }) => to < range.from || from > range.to);
  const merged: Range[] = [];
  for (const one of [...apart, range].sort((a, b) => a.from - b.from)) {
    const previous = merged.at(-1);
    if (previous?.to === one.from - 1 && previous.to !== position)
      merged[merged.length - 1] = { ...previous, to: one.to };
    else merged.push(one);
  }
  return merged;
}

describe('LostRanges', () => {
  it('joins what adjoins under the first reason, save at the position, whatever is added', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const lost = new LostRanges();
        let ranges: readonly Range[] = [];
        for (const [index, step] of moves.entries()) {
          switch (step.kind) {
            case 'add': {
              const { from } = step;
              const to = from + step.length - 1;
              const position = step.position === 'before' ? from - 1 : step.position;
              lost.add(from, to, `reason ${index}`, position);
              ranges = added(ranges, { from, to, reason: `reason ${index}` }, position);
              break;
            }
            case 'forget':
              lost.forget(step.through);
              ranges = ranges.filter(({ to }) => to > step.through);
              break;
            case 'clear':
              lost.clear();
              ranges = [];
              break;
          }
          expect(lost.count).toBe(ranges.length);
          for (let at = 0; at <= LAST + 5; at += 1)
            expect(lost.reasonAt(at)).toBe(ranges.find(({ from, to }) => from <= at && at <= to)?.reason);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
