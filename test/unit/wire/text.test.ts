import { afterEach, describe, expect, it, vi } from 'vitest';
import type * as text from '../../../src/wire/text.js';

const samples = [
  '',
  'a',
  'x'.repeat(64),
  'x'.repeat(65),
  'é',
  'ÿ'.repeat(40),
  `${'x'.repeat(80)}é`,
  '日本語',
  '😀 and text',
  '\uFEFFmarked',
  'sent \uFFFD as such',
  '\u0000\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}',
];

const notUtf8 = [
  [0xff],
  [0xc3],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xef, 0xbf, 0xbd, 0x80],
  [0xef, 0xbf],
  [0xef, 0xef, 0xbf, 0xbd],
  [0xf0, 0x90, 0x80, 0xef, 0xbf, 0xbd],
  [...Buffer.from('x'.repeat(200)), 0xe2, 0x82],
];

/** Loads the module anew, so that it looks again for what the platform has. */
async function load(platform: string): Promise<typeof text> {
  vi.resetModules();
  if (platform === 'a browser') vi.stubGlobal('Buffer', undefined);
  try {
    return await import('../../../src/wire/text.js');
  } finally {
    vi.unstubAllGlobals();
  }
}

afterEach(() => {
  vi.resetModules();
});

it('finds the methods of Buffer that make it fast on this Node', () => {
  for (const name of ['utf8Slice', 'utf8Write', 'latin1Write']) {
    expect((Buffer.prototype as unknown as Record<string, unknown>)[name], name).toBeTypeOf('function');
  }
});

describe.each(['Node', 'a browser'])('text on %s', (platform) => {
  it('writes and reads as TextEncoder does', async () => {
    const { encodeText, decodeText, textSize } = await load(platform);
    for (const sample of samples) {
      const expected = new TextEncoder().encode(sample);
      expect(textSize(sample)).toBe(expected.length);
      const target = new Uint8Array(expected.length + 4).fill(0xee);
      expect(encodeText(target, 2, sample, expected.length)).toBe(2 + expected.length);
      expect([...target]).toEqual([0xee, 0xee, ...expected, 0xee, 0xee]);
      expect(decodeText(target, 2, 2 + expected.length)).toBe(sample);
    }
  });

  it('replaces lone surrogates when writing', async () => {
    const { encodeText, textSize } = await load(platform);
    for (const sample of ['\uD800', 'a\uDFFFb', '\uD800\uD800\uDC00', `${'x'.repeat(99)}\uDBFF`]) {
      const expected = new TextEncoder().encode(sample);
      const target = new Uint8Array(textSize(sample));
      encodeText(target, 0, sample, target.length);
      expect([...target]).toEqual([...expected]);
    }
  });

  it('refuses what is not UTF-8', async () => {
    const { decodeText } = await load(platform);
    for (const bytes of notUtf8) {
      expect(decodeText(new Uint8Array(bytes), 0, bytes.length), String(bytes)).toBeUndefined();
    }
  });
});
