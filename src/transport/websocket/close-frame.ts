import type { SluiceError } from '../../core/errors.js';

/** A Close frame holds 125 bytes, two of them the code (RFC 6455 section 5.5). */
const MAX_REASON_BYTES = 123;

/** What the frame of an ordinary end says: all is well, and nothing else. */
export const NORMAL_CLOSE = 1000;

/** As one sentence, for those who see nothing but the frame: cut to what it holds, never within a character. */
export function closeReason({ code, message, retryAfterMs }: SluiceError): string {
  const wait = retryAfterMs === undefined ? '' : ` (retry after ${Math.round(retryAfterMs)} ms)`;
  return cutToBytes(`${code}${wait}: ${message}`, MAX_REASON_BYTES);
}

function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  // Not before a byte that goes on with a character (RFC 3629).
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
