import { decodeText } from './text.js';

/** Longest text kept, in bytes: IDs are at most 128 characters. */
const MAX_CACHED_BYTES = 128;
/** Powers of two: the hash is masked with one less. Many more than a hundred sessions, so that few share a place. */
const FEW_SLOTS = 64;
const MANY_SLOTS = 256;
/** What all texts of one cache may come to: two hundred IDs of the usual length, sixty of the longest. */
const MAX_TEXT_BYTES = 8 * 1024;

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
 * a comparison, not a new string, and gives the same instance. Each has a place
 * by its hash, and the one beside it. Where both are taken there are more places
 * from then on, and then a newcomer takes its own. Holds at most 257 texts and
 * 8 KiB of them; only ASCII is kept (its bytes are its units, so the string
 * itself is what the bytes are compared with), anything else is decoded anew.
 */
export class StringCache {
  #last = '';
  /** Made when a second text comes: most streams name one session only. */
  #slots: string[] | undefined;
  /** Of the texts in the slots. */
  #textBytes = 0;

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
      slot = hash(buffer, start, length) & (slots.length - 1);
      const known = slots[slot] as string;
      if (spells(known, buffer, start, length)) return (this.#last = known);
      const beside = slots[slot ^ 1] as string;
      if (spells(beside, buffer, start, length)) return (this.#last = beside);
    }
    const text = decodeText(buffer, start, end);
    // Fewer units than bytes: not ASCII, can't be compared unit by byte.
    if (text?.length !== length) return text;
    if (slots !== undefined) this.#keep(slots, slot, text);
    else if (this.#last !== '') this.#place(this.#clear(FEW_SLOTS), hash(buffer, start, length), text);
    this.#last = text;
    return text;
  }

  /** Where it begins anew, what is still named comes again. */
  #keep(slots: string[], slot: number, text: string): void {
    const isTaken = slots[slot] !== '';
    const isBesideTaken = slots[slot ^ 1] !== '';
    if (this.#textBytes + text.length > MAX_TEXT_BYTES) this.#clear(slots.length);
    else if (isTaken && isBesideTaken && slots.length < MANY_SLOTS) this.#clear(MANY_SLOTS);
    else this.#place(slots, isTaken && !isBesideTaken ? slot ^ 1 : slot, text);
  }

  #place(slots: string[], slot: number, text: string): void {
    const index = slot & (slots.length - 1);
    this.#textBytes += text.length - (slots[index] as string).length;
    slots[index] = text;
  }

  #clear(count: number): string[] {
    this.#textBytes = 0;
    return (this.#slots = new Array<string>(count).fill(''));
  }
}

/** IDs differ most at their ends: length, first byte and the last three decide. */
function hash(buffer: Uint8Array, start: number, length: number): number {
  const last = start + length - 1;
  let value = (length + (buffer[start] as number)) * 31 + (buffer[last] as number);
  if (length > 2) value = (value * 31 + (buffer[last - 1] as number)) * 31 + (buffer[last - 2] as number);
  return value ^ (value >>> 8);
}
