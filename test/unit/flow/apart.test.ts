import { describe, expect, it } from 'vitest';
import { apart } from '../../../src/flow/apart.js';

describe('apart', () => {
  it('copies what is little of its memory', () => {
    const slab = new Uint8Array(64 * 1024).fill(7);
    const kept = apart(slab.subarray(100, 200));
    expect(kept).toEqual(new Uint8Array(100).fill(7));
    expect(kept.buffer).not.toBe(slab.buffer);
    expect(kept.buffer.byteLength).toBe(100);
    // A plain one, as what was not copied.
    expect(Object.getPrototypeOf(kept)).toBe(Uint8Array.prototype);
  });

  it('leaves what is much of it, and what is nothing', () => {
    const slab = new Uint8Array(4_000);
    const large = slab.subarray(0, 1_000);
    expect(apart(large)).toBe(large);
    const none = slab.subarray(0, 0);
    expect(apart(none)).toBe(none);
  });
});
