import { expect, test } from 'vitest';
import { jsonLine } from '../../../../src/cli/frame/json-line.js';

test.each([
  ['C1 controls', '\u009b31m\u0085', String.raw`{"text":"\u009b31m\u0085"}`],
  ['DEL and C0 controls', '\u007f\u001b[2J\n', String.raw`{"text":"\u007f\u001b[2J\n"}`],
  ['what turns text around', '\u202eabc\u2069', String.raw`{"text":"\u202eabc\u2069"}`],
  ['what other programs end a line at', 'a\u2028b\u2029', String.raw`{"text":"a\u2028b\u2029"}`],
  ['format characters beyond 16 bits', '\u{e0041}', String.raw`{"text":"\udb40\udc41"}`],
  ['half of a character', '\ud83d', String.raw`{"text":"\ud83d"}`],
])('%s are escaped, and read as they were', (_, text, line) => {
  expect(jsonLine({ text })).toBe(`${line}\n`);
  expect(JSON.parse(jsonLine({ text }))).toEqual({ text });
});

test('text is left as it is', () => {
  expect(jsonLine({ text: 'Grüße 宽 e\u0301 👍', n: 1.5 })).toBe('{"text":"Grüße 宽 e\u0301 👍","n":1.5}\n');
});
