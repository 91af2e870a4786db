import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchSize, encodeBatch, encodedBound, encodeMessage, messageSize } from '../../src/wire/codec.js';
import { EncodedMetadata } from '../../src/wire/encoded-metadata.js';
import { weightOf, type DataMessage } from '../../src/wire/messages.js';
import { message } from './wire-arbitraries.js';

function encoded(value: DataMessage): Buffer {
  const target = new Uint8Array(messageSize(value));
  expect(encodeMessage(value, target, 0)).toBe(target.length);
  return Buffer.from(target);
}

describe('EncodedMetadata', () => {
  it('goes out as the plain map does, and weighs as much', () => {
    fc.assert(
      fc.property(message, (plain) => {
        const metadata = new EncodedMetadata(plain.metadata ?? []);
        const one = { ...plain, metadata };
        // A map without entries is as none on the wire.
        expect(encoded(one)).toEqual(encoded(plain));
        expect(encodedBound(one)).toBeGreaterThanOrEqual(messageSize(one));
        expect(weightOf(one)).toBe(weightOf(plain));
        const batch = [one, one];
        const target = new Uint8Array(batchSize(batch));
        const expected = new Uint8Array(batchSize([plain, plain]));
        encodeBatch(batch, target, 0);
        encodeBatch([plain, plain], expected, 0);
        expect(Buffer.from(target)).toEqual(Buffer.from(expected));
      }),
    );
  });

  it('is read as the plain map is', () => {
    const plain = new Map([
      ['a', '1'],
      ['b', '2'],
    ]);
    const metadata = new EncodedMetadata(plain);
    expect([...metadata]).toEqual([...plain]);
    expect([...metadata.entries()]).toEqual([...plain]);
    expect([...metadata.keys()]).toEqual(['a', 'b']);
    expect([...metadata.values()]).toEqual(['1', '2']);
    expect([metadata.size, metadata.get('b'), metadata.get('c'), metadata.has('a')]).toEqual([
      2,
      '2',
      undefined,
      true,
    ]);
    const seen: string[] = [];
    metadata.forEach((value, name) => seen.push(`${name}=${value}`));
    expect(seen).toEqual(['a=1', 'b=2']);
    // Made once, whoever asks.
    expect(metadata.bytes).toBe(metadata.bytes);
  });
});
