import { describe, expect, test } from 'vitest';
import { afterKey, keysOf, type Settings } from '../../../../src/cli/top/keys.js';

const START: Settings = { sort: 'sendQueue', match: '', slowOnly: false, paused: false, typing: undefined };

/** What a terminal that sends this makes of the settings. */
function after(sent: string, from: Settings = START): Settings | 'quit' {
  let settings = from;
  for (const key of keysOf(sent)) {
    const next = afterKey(settings, key);
    if (next === 'quit') return 'quit';
    settings = next;
  }
  return settings;
}

describe('keys', () => {
  test.each(['q', 'Q', '\u0003', '/typing\u0003', 'zq'])('%j leaves', (sent) => {
    expect(after(sent)).toBe('quit');
  });

  test.each<[string, Partial<Settings>]>([
    ['s', { sort: 'receiveQueue' }],
    ['sssss', { sort: 'sendQueue' }],
    ['5', { sort: 'receiveRate' }],
    ['4', { sort: 'sendRate' }],
    ['0', {}],
    ['9', {}],
    ['w', { slowOnly: true }],
    ['ww', {}],
    [' ', { paused: true }],
    ['/ali', { typing: 'ali' }],
    ['/ali\r', { match: 'ali' }],
    ['/q s\r', { match: 'q s' }],
    ['/漢字\u007f\r', { match: '漢' }],
    ['/👍\b\r', {}],
    ['/x\u001b', {}],
    ['/x\r/y', { match: 'x', typing: 'xy' }],
    ['/x\rw\u001b', {}],
    ['/\t\u0001x\u009b\r', { match: 'x' }],
    // Arrows, function keys and the like are no Escape, and no letters.
    ['w\u001b[A\u001b[1;5C\u001b[15~\u001bOP', { slowOnly: true }],
    ['z\u0000', {}],
  ])('%j', (sent, expected) => {
    expect(after(sent)).toEqual({ ...START, ...expected });
  });

  test('no more is typed than an ID may have', () => {
    expect(after(`/${'x'.repeat(500)}`)).toMatchObject({ typing: 'x'.repeat(128) });
  });
});
