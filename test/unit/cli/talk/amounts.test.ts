import { expect, test } from 'vitest';
import { counted, elapsed, latency, perSecond } from '../../../../src/cli/talk/amounts.js';

test.each([
  [0, '0.00 ms'],
  [0.1234, '0.12 ms'],
  [13.06, '13.1 ms'],
  [999, '999 ms'],
  [2500, '2.50 s'],
])('a round trip of %d ms is %s', (ms, text) => {
  expect(latency(ms)).toBe(text);
});

test.each([
  [32, '32 ms'],
  [999.6, '1.0 s'],
  [9940, '9.9 s'],
  [9960, '10 s'],
  [59_600, '1 min 0 s'],
  [185_000, '3 min 5 s'],
  [7_800_000, '2 h 10 min'],
])('%d ms of work are %s', (ms, text) => {
  expect(elapsed(ms)).toBe(text);
});

test('numbers, and rates', () => {
  expect(counted(1, 'message')).toBe('1 message');
  expect(counted(0, 'message')).toBe('0 messages');
  expect(perSecond(10, 500)).toBe(20);
  expect(perSecond(10, 0)).toBe(0);
});
