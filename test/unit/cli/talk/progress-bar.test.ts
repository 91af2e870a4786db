import fc from 'fast-check';
import { expect, test } from 'vitest';
import { paint } from '../../../../src/cli/frame/paint.js';
import { cellsOf } from '../../../../src/cli/frame/text-width.js';
import { bar, progressLine } from '../../../../src/cli/talk/progress-bar.js';

const plain = paint(false);

test('a bar has always its length, and is as full as it should be', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 2, noNaN: true }),
      fc.integer({ min: 1, max: 50 }),
      (share, cells) => {
        const { filled, empty } = bar(share, cells);
        expect(cellsOf(filled) + cellsOf(empty)).toBe(cells);
      },
    ),
  );
  expect(bar(0, 4)).toEqual({ filled: '', empty: '░░░░' });
  expect(bar(1, 4)).toEqual({ filled: '████', empty: '' });
  expect(bar(0.375, 4)).toEqual({ filled: '█▌', empty: '░░' });
});

test('a line never exceeds the terminal: the last notes go first', () => {
  const notes = ['1,234 messages', '5.00 MiB', '12 s left', '1.00 MiB/s'];
  expect(progressLine(0.5, notes, 80, plain)).toMatch(
    /^[█▏▎▍▌▋▊▉]+░+ {2}50 % {2}1,234 messages {2}5.00 MiB {2}12 s left {2}1.00 MiB\/s$/,
  );
  expect(progressLine(0.5, notes, 40, plain)).toMatch(
    /^[█▏▎▍▌▋▊▉]+░+ {2}50 % {2}1,234 messages {2}5.00 MiB$/,
  );
  expect(progressLine(undefined, notes, 30, plain)).toBe('1,234 messages  5.00 MiB');
  for (let columns = 0; columns < 120; columns += 1) {
    for (const share of [undefined, 0, 0.33, 1]) {
      expect(cellsOf(progressLine(share, notes, columns, plain))).toBeLessThanOrEqual(columns);
    }
  }
});
