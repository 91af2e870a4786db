/**
 * UTF-8 to strings and back, without a temporary view for each. Node's Buffer
 * has methods that work on any Uint8Array and skip that view; where they are
 * absent (a browser) TextDecoder and TextEncoder do the same, slower.
 */

type Slice = (this: Uint8Array, start: number, end: number) => string;
type Write = (this: Uint8Array, text: string, offset: number, length: number) => number;

interface FastText {
  readonly utf8Slice: Slice;
  readonly utf8Write: Write;
  readonly latin1Write: Write;
}

/** Undocumented but long-lived methods of Buffer: taken only when all of them are there. */
function findFastText(prototype: Partial<FastText>): FastText | undefined {
  const { utf8Slice, utf8Write, latin1Write } = prototype;
  if (!utf8Slice || !utf8Write || !latin1Write) return undefined;
  return { utf8Slice, utf8Write, latin1Write };
}

/** Said as `globalThis.Buffer`: a bundle for browsers is told that there is none, and leaves out what is only for it. */
const fast =
  (globalThis.Buffer as unknown) === undefined
    ? undefined
    : findFastText(globalThis.Buffer.prototype as Partial<FastText>);
/** A leading U+FEFF belongs to the text: protobuf strings have no byte order mark. */
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to here a loop over the units beats a call into native code. */
const SHORT_TEXT = 64;

const REPLACEMENT = '\uFFFD';

/** Whether there are more than `sent`; `first` is where the first is. */
function hasMoreReplacements(text: string, first: number, sent: number): boolean {
  let left = sent;
  for (let index = first; index >= 0; index = text.indexOf(REPLACEMENT, index + 1)) {
    if (left === 0) return true;
    left -= 1;
  }
  return false;
}

/**
 * How often the bytes spell U+FFFD: EF BF BD. EF begins a character wherever
 * it stands, so nothing else decodes to those.
 */
function replacementsSent(buffer: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let index = start; index + 2 < end; index += 1) {
    if (buffer[index] === 0xef && buffer[index + 1] === 0xbf && buffer[index + 2] === 0xbd) count += 1;
  }
  return count;
}

type Decode = (buffer: Uint8Array, start: number, end: number) => string | undefined;

const decodeAnywhere: Decode = (buffer, start, end) => {
  if (start === end) return '';
  try {
    return strictDecoder.decode(buffer.subarray(start, end));
  } catch {
    return undefined;
  }
};

const decodeFast: Decode = (buffer, start, end) => {
  if (fast === undefined) return decodeAnywhere(buffer, start, end);
  if (start === end) return '';
  const text = fast.utf8Slice.call(buffer, start, end);
  // Invalid bytes come out as U+FFFD, which may also have been sent: then there are more than were sent.
  const first = text.indexOf(REPLACEMENT);
  if (first < 0) return text;
  return hasMoreReplacements(text, first, replacementsSent(buffer, start, end)) ? undefined : text;
};

/** The text of a range of bytes; undefined when they are not valid UTF-8. */
export const decodeText: Decode = (globalThis.Buffer as unknown) === undefined ? decodeAnywhere : decodeFast;

/** How many bytes `text` takes as UTF-8; a lone surrogate counts as U+FFFD, as it is written. */
export function textSize(text: string): number {
  const units = text.length;
  let size = units;
  for (let index = 0; index < units; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit <= 0x7f) continue;
    if (unit <= 0x7ff) {
      size += 1;
      continue;
    }
    size += 2;
    if (unit >= 0xd800 && unit <= 0xdbff && index + 1 < units) {
      const next = text.charCodeAt(index + 1);
      // A pair of surrogates is 4 bytes for 2 units: the 2 added above are the whole surplus.
      if (next >= 0xdc00 && next <= 0xdfff) index += 1;
    }
  }
  return size;
}

/** Writes ASCII up to the first other unit; returns how many units it wrote. */
function writeShortAscii(target: Uint8Array, offset: number, text: string): number {
  const units = text.length;
  for (let index = 0; index < units; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return index;
    target[offset + index] = unit;
  }
  return units;
}

/** Writes `text` as UTF-8; `size` is its `textSize`. Returns the offset after it. */
export function encodeText(target: Uint8Array, offset: number, text: string, size: number): number {
  const ascii = size === text.length;
  if (ascii && size <= SHORT_TEXT) {
    writeShortAscii(target, offset, text);
  } else if ((globalThis.Buffer as unknown) !== undefined && fast !== undefined) {
    (ascii ? fast.latin1Write : fast.utf8Write).call(target, text, offset, size);
  } else {
    encoder.encodeInto(text, target.subarray(offset, offset + size));
  }
  return offset + size;
}

/**
 * Writes a length and `text` in one pass where it is short ASCII, as nearly
 * every ID is. Returns the offset after it.
 */
export function encodePrefixedText(
  target: Uint8Array,
  offset: number,
  text: string,
  writeLength: (target: Uint8Array, offset: number, length: number) => number,
): number {
  if (text.length <= SHORT_TEXT && writeShortAscii(target, offset + 1, text) === text.length) {
    target[offset] = text.length;
    return offset + 1 + text.length;
  }
  const size = textSize(text);
  return encodeText(target, writeLength(target, offset, size), text, size);
}
