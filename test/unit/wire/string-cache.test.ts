import { describe, expect, it, vi } from 'vitest';
import { StringCache } from '../../../src/wire/codec.js';
import { decodeText } from '../../../src/wire/text.js';

vi.mock('../../../src/wire/text.js', { spy: true });
const decode = vi.mocked(decodeText);

function read(cache: StringCache, text: string): string | undefined {
  const bytes = Buffer.concat([Buffer.from('xx'), Buffer.from(text), Buffer.from('yy')]);
  return cache.read(bytes, 2, bytes.length - 2);
}

/** Whether reading `text` makes a new string: what is remembered is not decoded. */
function decodesAnew(cache: StringCache, text: string): boolean {
  decode.mockClear();
  read(cache, text);
  return decode.mock.calls.length > 0;
}

describe('StringCache', () => {
  it('remembers the last text and those before it', () => {
    const cache = new StringCache();
    expect(decodesAnew(cache, 'session-1')).toBe(true);
    expect(read(cache, 'session-1')).toBe('session-1');
    expect(decodesAnew(cache, 'session-1')).toBe(false);
    read(cache, 'session-2');
    read(cache, 'key');
    expect(decodesAnew(cache, 'session-2')).toBe(false);
    expect(decodesAnew(cache, 'key')).toBe(false);
  });

  it('remembers nearly all of a hundred sessions that take turns', () => {
    const cache = new StringCache();
    const names = Array.from({ length: 100 }, (_, index) => `load-00042-${String(index).padStart(3, '0')}`);
    for (let round = 0; round < 3; round += 1) for (const name of names) read(cache, name);
    const anew = names.filter((name) => decodesAnew(cache, name));
    expect(anew.length).toBeLessThan(10);
  });

  it('remembers the newest of more than it has places for', () => {
    const cache = new StringCache();
    for (let index = 0; index < 5000; index += 1) read(cache, `s${index}`);
    expect(decodesAnew(cache, 's4998')).toBe(false);
  });

  it('remembers so many bytes of text and no more, and goes on remembering the newest', () => {
    const cache = new StringCache();
    const names = Array.from({ length: 1_500 }, (_, index) => String(index).padStart(128, 'x'));
    for (const name of names) read(cache, name);
    // Each is read once: what is remembered here was before.
    const remembered = names.reverse().filter((name) => !decodesAnew(cache, name));
    expect(remembered.length).toBeGreaterThan(1);
    expect(remembered.length).toBeLessThanOrEqual(65);
  });

  it('tells texts apart that differ in any one byte, or in length', () => {
    const cache = new StringCache();
    const base = 'abcdefghijklmnop';
    for (let round = 0; round < 2; round += 1) {
      for (let at = 0; at < base.length; at += 1) {
        const other = `${base.slice(0, at)}Z${base.slice(at + 1)}`;
        expect(read(cache, other)).toBe(other);
        expect(read(cache, base.slice(0, at))).toBe(base.slice(0, at));
        expect(read(cache, base)).toBe(base);
      }
    }
  });

  it('gives the right text for many more texts than it holds', () => {
    const cache = new StringCache();
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 5000; index += 1) expect(read(cache, `s${index}`)).toBe(`s${index}`);
    }
  });

  it('keeps neither long nor non-ASCII texts, and reads them right', () => {
    const cache = new StringCache();
    for (const text of ['x'.repeat(129), 'séance', '日本', '\u0080']) {
      expect(read(cache, text)).toBe(text);
      expect(read(cache, text)).toBe(text);
      expect(decodesAnew(cache, text)).toBe(true);
    }
    expect(read(cache, 'x'.repeat(128))).toBe('x'.repeat(128));
    expect(decodesAnew(cache, 'x'.repeat(128))).toBe(false);
  });

  it('does not take bytes above ASCII for the text with those units', () => {
    const cache = new StringCache();
    read(cache, 'é');
    // The unit of é as a byte is not UTF-8.
    expect(cache.read(new Uint8Array([0xe9]), 0, 1)).toBeUndefined();
    expect(read(cache, '')).toBe('');
  });
});
