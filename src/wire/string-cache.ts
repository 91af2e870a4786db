import { decodeText } from './text.js';

/** Longest text kept, in bytes: IDs are at most 128 characters. */
const MAX_CACHED_BYTES = 128;
/** A power of two: the hash is masked with it. */
const SLOTS = 64;

/** Whether the bytes spell exactly `text`; only ASCII text can answer yes. */
function spells(text: string, buffer: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index += 1) {
    if (text.charCodeAt(index) !== buffer[start + index]) return false;
  }
  return true;
}

/**
 * The session IDs and keys a stream has named, so that naming one again costs
 * a comparison, not a new string, and gives the same instance. Direct-mapped:
 * a newcomer takes the place of whatever had its hash. Holds at most 65 texts
 * of 128 bytes; only ASCII is kept (its bytes are its units, so the string
 * itself is what the bytes are compared with), anything else is decoded anew.
 */
export class StringCache {
  #last = '';
  /** Made when a second text comes: most streams name one session only. */
  #slots: string[] | undefined;

  /** The text of the bytes; undefined when they are not valid UTF-8. */
  read(buffer: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    const last = this.#last;
    if (spells(last, buffer, start, length)) return last;
    if (length === 0 || length > MAX_CACHED_BYTES) return decodeText(buffer, start, end);
    return this.#readSlot(buffer, start, end);
  }

  #readSlot(buffer: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    const slots = this.#slots;
    let slot = 0;
    if (slots !== undefined) {
      slot = hash(buffer, start, length);
      const known = slots[slot] as string;
      if (spells(known, buffer, start, length)) {
        this.#last = known;
        return known;
      }
    }
    const text = decodeText(buffer, start, end);
    // Fewer units than bytes: not ASCII, can't be compared unit by byte.
    if (text?.length !== length) return text;
    if (slots !== undefined) slots[slot] = text;
    else if (this.#last !== '') {
      this.#slots = new Array<string>(SLOTS).fill('');
      this.#slots[hash(buffer, start, length)] = text;
    }
    this.#last = text;
    return text;
  }
}

/** IDs differ most at their ends: length, first byte and the last three decide. */
function hash(buffer: Uint8Array, start: number, length: number): number {
  const last = start + length - 1;
  let value = length ^ ((buffer[start] as number) << 3) ^ ((buffer[last] as number) * 5);
  if (length > 2) value ^= ((buffer[last - 1] as number) * 19) ^ ((buffer[last - 2] as number) * 43);
  return (value ^ (value >>> 6)) & (SLOTS - 1);
}
