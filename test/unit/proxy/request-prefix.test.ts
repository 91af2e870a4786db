import { expect, it } from 'vitest';
import { RequestPrefix } from '../../../src/proxy/request-prefix.js';

const KIB = 1024;

it('holds a request to its bound, and nothing of one that is larger', () => {
  const prefix = new RequestPrefix(4);
  prefix.add(Uint8Array.of(1, 2));
  prefix.add(Uint8Array.of(3, 4));
  expect(prefix.heldBytes).toBe(4);
  expect(prefix.chunks).toEqual([Uint8Array.of(1, 2, 3, 4)]);
  prefix.add(Uint8Array.of(5));
  expect(prefix.heldBytes).toBe(0);
  expect(prefix.chunks).toBeUndefined();
  prefix.add(Uint8Array.of(6));
  expect(prefix.chunks).toBeUndefined();
});

it('a request in frames of one byte is kept in a few chunks', () => {
  const prefix = new RequestPrefix(64 * KIB);
  const slab = Uint8Array.from({ length: 64 * KIB }, (_, index) => index % 251);
  for (let at = 0; at < slab.length; at += 1) prefix.add(slab.subarray(at, at + 1));
  expect(prefix.heldBytes).toBe(64 * KIB);
  const chunks = prefix.chunks ?? [];
  expect(chunks.length).toBeLessThanOrEqual(20);
  expect(Buffer.concat(chunks).equals(slab)).toBe(true);
});
