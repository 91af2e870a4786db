/** What of a slab's memory a piece has to be for it to be kept as it is. */
const FAIR_PART = 4;

/**
 * The same bytes, to be kept: a view of a few bytes would keep all of the
 * memory it lies in alive, 64 KiB where it came from a socket. What is less
 * than a quarter of it is copied.
 */
export function apart(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || bytes.length * FAIR_PART >= bytes.buffer.byteLength) return bytes;
  // Memory of its own, three times as dear as a part of Node's pool (0.45 and 0.15 µs for 256 bytes). But that is 8 KiB
  // large, 64 KiB from Node.js 24 on: one message that is kept would hold as much again as what it came in.
  return new Uint8Array(bytes);
}
