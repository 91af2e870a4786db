/** What of a slab's memory a piece has to be for it to be kept as it is. */
const FAIR_PART = 4;

/**
 * The same bytes, to be kept: a view of a few bytes would keep all of the
 * memory it lies in alive, 64 KiB where it came from a socket. What is less
 * than a quarter of it is copied.
 */
export function apart(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || bytes.length * FAIR_PART >= bytes.buffer.byteLength) return bytes;
  // Memory of its own: in Node's pool, too, one message that is kept would hold many that are not.
  return new Uint8Array(bytes);
}
