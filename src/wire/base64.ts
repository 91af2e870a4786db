/**
 * Base64 as proto3 JSON writes bytes (RFC 4648 section 4), and as it reads
 * them: that or the URL-safe alphabet (section 5), with padding or without.
 */

type Slice = (this: Uint8Array, start: number, end: number) => string;
type Write = (this: Uint8Array, text: string, offset: number, length: number) => number;

interface FastBase64 {
  readonly base64Slice: Slice;
  readonly base64Write: Write;
}

/** Undocumented but long-lived methods of Node's Buffer: taken only when both are there. */
function findFastBase64(): FastBase64 | undefined {
  const prototype = (globalThis as { Buffer?: { prototype: Partial<FastBase64> } }).Buffer?.prototype;
  if (prototype === undefined) return undefined;
  const { base64Slice, base64Write } = prototype;
  if (!base64Slice || !base64Write) return undefined;
  return { base64Slice, base64Write };
}

const fast = findFastBase64();

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Either alphabet; the padding is judged apart. */
const WELL_FORMED = /^[A-Za-z0-9+/_-]*(={0,2})$/;

/** By character code; 255 for what is none of base64. */
const values = new Uint8Array(128).fill(255);
for (let value = 0; value < ALPHABET.length; value += 1) values[ALPHABET.charCodeAt(value)] = value;
values['-'.charCodeAt(0)] = 62;
values['_'.charCodeAt(0)] = 63;

/** With padding. */
export function encodeBase64(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  return fast === undefined ? encodeSlowly(bytes) : fast.base64Slice.call(bytes, 0, bytes.length);
}

/** The bytes in memory of their own; undefined for what is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const padding = WELL_FORMED.exec(text)?.[1]?.length;
  if (padding === undefined) return undefined;
  const digits = text.length - padding;
  // One digit alone is no byte; padding, where there is any, fills up four.
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  if (bytes.length === 0) return bytes;
  if (fast === undefined) decodeSlowly(text, digits, bytes);
  else fast.base64Write.call(bytes, text, 0, bytes.length);
  return bytes;
}

function encodeSlowly(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const word =
      ((bytes[index] as number) << 16) |
      ((left > 1 ? (bytes[index + 1] as number) : 0) << 8) |
      (left > 2 ? (bytes[index + 2] as number) : 0);
    text += ALPHABET.charAt(word >>> 18) + ALPHABET.charAt((word >>> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((word >>> 6) & 63) : '=';
    text += left > 2 ? ALPHABET.charAt(word & 63) : '=';
  }
  return text;
}

function decodeSlowly(text: string, digits: number, target: Uint8Array): void {
  let word = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < digits; index += 1) {
    word = ((word << 6) | (values[text.charCodeAt(index)] as number)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    target[at] = (word >>> bits) & 0xff;
    at += 1;
  }
}
