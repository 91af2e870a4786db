import { expect, test } from 'vitest';
import { readableColumns, table, wrap } from '../../../../src/cli/frame/layout.js';

test('wraps at blanks, by cells; a long word keeps its line', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('漢字 漢字 漢字', 9)).toEqual(['漢字 漢字', '漢字']);
  expect(wrap('a https://a.very.long/address b', 10)).toEqual(['a', 'https://a.very.long/address', 'b']);
});

test('aligns the second column, whatever is painted on the first, and gives what is too wide a line of its own', () => {
  const rows = [
    { first: '-a', text: 'one two three four five six seven' },
    { first: '--something', text: 'short' },
    { first: '--an-option-that-is-wider-than-thirty-cells', text: 'short' },
  ];
  expect(table(rows, 40, (text) => `(${text})`)).toBe(
    [
      '  (-a)           one two three four five',
      '               six seven',
      '  (--something)  short',
      '  (--an-option-that-is-wider-than-thirty-cells)',
      '               short',
      '',
    ].join('\n'),
  );
});

test('lines are readable however wide the terminal is', () => {
  expect([20, 80, 300].map(readableColumns)).toEqual([40, 80, 100]);
});
