import { expect, test } from 'vitest';
import { decodeHealthStatus, encodeHealthRequest } from '../../../src/upstream/health-codec.js';

test('a request names its service in field 1, and none in no bytes', () => {
  expect([...encodeHealthRequest('ab')]).toEqual([0x0a, 2, 0x61, 0x62]);
  expect(encodeHealthRequest('')).toHaveLength(0);
});

test.each([
  [[], 'unknown'],
  [[0x08, 0], 'unknown'],
  [[0x08, 1], 'serving'],
  [[0x08, 2], 'not-serving'],
  [[0x08, 3], 'service-unknown'],
  [[0x08, 9], 'unknown'],
  // A field of a later version before it.
  [[0x12, 1, 7, 0x08, 1], 'serving'],
])('%j says %s', (bytes, status) => {
  expect(decodeHealthStatus(Uint8Array.from(bytes))).toBe(status);
});

test('what is no answer throws', () => {
  expect(() => decodeHealthStatus(Uint8Array.from([0x08]))).toThrow();
});
