import { expect, test } from 'vitest';
import { cellsOf, cut, fit, visible } from '../../../../src/cli/frame/text-width.js';

test.each([
  ['', 0],
  ['plain', 5],
  ['naïve', 5],
  ['nai\u0308ve', 5],
  ['漢字', 4],
  ['ｆｕｌｌ', 8],
  ['한국어', 6],
  ['👍', 2],
  ['👨‍👩‍👧', 2],
  ['❤️', 2],
  ['▮▯…', 3],
  ['é漢a', 4],
])('%s takes %d cells', (text, cells) => {
  expect(cellsOf(text)).toBe(cells);
});

test.each([
  ['short', 5, 'short'],
  ['longer', 5, 'long…'],
  ['漢字漢字', 5, '漢字…'],
  ['漢字漢字', 4, '漢…'],
  ['漢字', 4, '漢字'],
  ['x', 0, ''],
  ['xy', 1, '…'],
  ['漢', 1, '…'],
])('%s cut to %d is %s', (text, cells, expected) => {
  expect(cut(text, cells)).toBe(expected);
  expect(cellsOf(cut(text, cells))).toBeLessThanOrEqual(cells);
});

test('fit is exact, also where half a wide character is left over', () => {
  expect(fit('ab', 4)).toBe('ab  ');
  expect(fit('ab', 4, 'right')).toBe('  ab');
  expect(fit('漢字漢字', 4)).toBe('漢… ');
  expect(cellsOf(fit('漢字漢字', 4))).toBe(4);
});

test('nothing that others wrote reaches a terminal as a command', () => {
  const hostile = 'a\u001b[2J\u0007\r\n\u009b31m\u202eb\u200b\u{e0041}c';
  expect(visible(hostile)).toBe('a\\u{1b}[2J\\u{7}\\u{d}\\u{a}\\u{9b}31m\\u{202e}b\\u{200b}\\u{e0041}c');
  expect(visible('漢字 é 👍')).toBe('漢字 é 👍');
});
