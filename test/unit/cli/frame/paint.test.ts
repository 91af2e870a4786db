import { expect, test } from 'vitest';
import { paint, wantsColours } from '../../../../src/cli/frame/paint.js';

test.each<[boolean, NodeJS.ProcessEnv, boolean]>([
  [true, {}, true],
  [false, {}, false],
  [true, { TERM: 'dumb' }, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [false, { FORCE_COLOR: '' }, false],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
])('terminal %s, %j: %s', (isTerminal, env, expected) => {
  expect(wantsColours(isTerminal, env)).toBe(expected);
});

test('a colour ends what it began, and nothing has none', () => {
  expect(paint(true).bad('x')).toBe('\u001b[31mx\u001b[39m');
  expect(paint(true).bold('')).toBe('');
  expect(paint(false).bad('x')).toBe('x');
});
