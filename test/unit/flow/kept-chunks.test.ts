import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeptChunks } from '../../../src/flow/kept-chunks.js';

/** As the network brings them: views of what a socket read at once. */
function cut(slab: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < slab.length; at += size) chunks.push(slab.subarray(at, at + size));
  return chunks;
}

function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

/** Of all that these keep alive. */
function memoryOf(chunks: readonly Uint8Array[]): number {
  let sum = 0;
  for (const buffer of new Set(chunks.map((chunk) => chunk.buffer))) sum += buffer.byteLength;
  return sum;
}

describe('KeptChunks', () => {
  it('gives the bytes in order and knows how many they are, whatever comes and goes', () => {
    const all = numbered(60 * 5_000);
    const steps = fc.array(fc.oneof(fc.constant(-1), fc.nat(40), fc.nat(5_000)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (sizes) => {
        const kept = new KeptChunks();
        let pushed = 0;
        let got = 0;
        const shift = (): boolean => {
          const chunk = kept.shift();
          if (chunk === undefined) return false;
          expect(Buffer.compare(chunk, all.subarray(got, got + chunk.length))).toBe(0);
          got += chunk.length;
          return true;
        };
        for (const size of sizes) {
          if (size < 0) shift();
          else {
            kept.push(all.subarray(pushed, pushed + size));
            pushed += size;
          }
          expect(kept.bytes).toBe(pushed - got);
        }
        expect(Buffer.concat(kept.toArray()).equals(all.subarray(got, pushed))).toBe(true);
        while (shift());
        expect(got).toBe(pushed);
        expect(kept.bytes).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it.each([1, 7, 300, 511])('chunks of %i bytes are few, and little more than their bytes', (size) => {
    const slab = numbered(64 * 1024);
    const kept = new KeptChunks();
    for (const chunk of cut(slab, size)) kept.push(chunk);
    const chunks = kept.toArray();
    expect(chunks.length).toBeLessThanOrEqual(20);
    expect(memoryOf(chunks)).toBeLessThanOrEqual(1.2 * slab.length);
    expect(Buffer.concat(chunks).equals(slab)).toBe(true);
  });

  it('a byte that came with many others keeps none of them', () => {
    const kept = new KeptChunks();
    for (let n = 0; n < 20; n += 1) {
      kept.push(new Uint8Array(64 * 1024).subarray(0, 1));
      kept.push(new Uint8Array(64 * 1024).subarray(0, 600));
    }
    expect(memoryOf(kept.toArray())).toBe(kept.bytes);
  });

  it('large ones are not copied, and one small chunk takes no more than itself', () => {
    const slab = numbered(64 * 1024);
    const kept = new KeptChunks();
    kept.push(slab.subarray(0, 16 * 1024));
    kept.push(slab.subarray(0, 5));
    const [large, small] = kept.toArray();
    expect(large?.buffer).toBe(slab.buffer);
    expect(small?.buffer.byteLength).toBe(5);
  });

  it('what was looked at stays as it was', () => {
    const kept = new KeptChunks();
    kept.push(numbered(3));
    kept.push(numbered(2));
    const before = kept.toArray();
    kept.push(numbered(1));
    expect(before).toEqual([Uint8Array.of(0, 1, 2, 0, 1)]);
    expect(kept.toArray()).toEqual([Uint8Array.of(0, 1, 2, 0, 1, 0)]);
  });
});
