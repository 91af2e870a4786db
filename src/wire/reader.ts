import { invalidMessage } from './invalid-message.js';
import { EMPTY_BYTES } from './messages.js';
import type { StringCache } from './string-cache.js';
import { decodeText } from './text.js';
import { WIRE_BYTES, WIRE_FIXED32, WIRE_FIXED64, WIRE_VARINT } from './writer.js';

/** Bits of a varint in a 64-bit value: at most ten bytes of seven (https://protobuf.dev/programming-guides/encoding/). */
const MAX_VARINT_BYTES = 10;
const TWO_POW_28 = 0x1000_0000;
const MAX_UINT32 = 0xffff_ffff;

/**
 * Fields a message may have, those nested in it included. One with all that the
 * wire contract knows has 216 (each of 64 metadata entries is three); what
 * repeats beyond is sent to keep us busy: 5 KB of gzip hold a million fields.
 */
const MAX_FIELDS = 256;

const WIRE_TYPE_NAMES = [
  'varint',
  'fixed64',
  'length-delimited',
  'group start',
  'group end',
  'fixed32',
  'wire type 6',
  'wire type 7',
] as const;

/**
 * A position in protobuf bytes. Every read checks the end and throws
 * INVALID_MESSAGE naming the field and the byte (counted from where the reader
 * was set) at fault; nothing is read twice, so it always ends.
 */
export class Reader {
  buffer: Uint8Array = EMPTY_BYTES;
  position = 0;
  /** Where the message being read ends; narrowed while a nested one is. */
  end = 0;
  /** Actions of `Control` read from this message so far. */
  actions = 0;
  #origin = 0;
  #fieldsLeft = MAX_FIELDS;

  /** Throws RangeError when the range lies outside the buffer. */
  set(buffer: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= buffer.length)) {
      throw new RangeError(`range ${start} to ${end} is outside a buffer of ${buffer.length} bytes`);
    }
    this.buffer = buffer;
    this.position = start;
    this.end = end;
    this.#origin = start;
    this.beginMessage();
  }

  /** Counts fields and actions from here on anew: for each message of a batch. */
  beginMessage(): void {
    this.actions = 0;
    this.#fieldsLeft = MAX_FIELDS;
  }

  /** Throws INVALID_MESSAGE. `at` is the absolute position of the fault. */
  fail(field: string, at: number, problem: string): never {
    throw invalidMessage(`The message can not be read: ${field} at byte ${at - this.#origin} ${problem}.`);
  }

  /**
   * Field number and wire type, as they stand: `number << 3 | wire type`, at
   * most 32 bits. Refuses the 257th of a message.
   */
  tag(): number {
    const start = this.position;
    this.#fieldsLeft -= 1;
    if (this.#fieldsLeft < 0) {
      this.fail(
        'a field tag',
        start,
        `is number ${MAX_FIELDS + 1} of the message; at most ${MAX_FIELDS} are accepted`,
      );
    }
    if (start < this.end) {
      const byte = this.buffer[start] as number;
      if (byte < 0x80) {
        this.position = start + 1;
        return byte;
      }
    }
    const tag = this.uint53('a field tag');
    if (tag > MAX_UINT32) this.fail('a field tag', start, `is ${tag}, more than 32 bits`);
    return tag;
  }

  /** Whole numbers 0 to 2^53-1, from uint64 and int64 alike: negative ones are out of range too. */
  uint53(field: string): number {
    const { buffer } = this;
    const start = this.position;
    // Four bytes hold numbers below 2^28: nearly every one but a time. Unrolled, this is what decoding costs.
    if (this.end - start < 4) return this.#longUint53(field);
    let byte = buffer[start] as number;
    let value = byte & 0x7f;
    if (byte < 0x80) {
      this.position = start + 1;
      return value;
    }
    byte = buffer[start + 1] as number;
    value |= (byte & 0x7f) << 7;
    if (byte < 0x80) {
      this.position = start + 2;
      return value;
    }
    byte = buffer[start + 2] as number;
    value |= (byte & 0x7f) << 14;
    if (byte < 0x80) {
      this.position = start + 3;
      return value;
    }
    byte = buffer[start + 3] as number;
    value |= (byte & 0x7f) << 21;
    if (byte < 0x80) {
      this.position = start + 4;
      return value;
    }
    return this.#longUint53(field);
  }

  #longUint53(field: string): number {
    const { buffer, end } = this;
    const start = this.position;
    let low = 0;
    let high = 0;
    let top = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
      if (start + count >= end) this.fail(field, start, `is cut off after ${count} bytes of a varint`);
      const byte = buffer[start + count] as number;
      const bits = byte & 0x7f;
      if (count < 4) low |= bits << (count * 7);
      else if (count < 8) high |= bits << ((count - 4) * 7);
      else top |= bits;
      if (byte < 0x80) {
        if (top !== 0 || high >= 0x200_0000) this.fail(field, start, 'is not within 0 to 2^53-1');
        this.position = start + count + 1;
        return high * TWO_POW_28 + low;
      }
    }
    return this.fail(field, start, 'is a varint of more than 10 bytes');
  }

  /** The low 32 bits of a varint, as protobuf reads a uint32. */
  uint32(field: string): number {
    return this.#low32(field) >>> 0;
  }

  /** The low 32 bits of a varint, signed, as protobuf reads an enum. */
  int32(field: string): number {
    return this.#low32(field) | 0;
  }

  bool(field: string): boolean {
    const start = this.position;
    const low = this.#low32(field);
    if (low !== 0) return true;
    // Bits above the 32nd count as well.
    for (let index = start + 4; index < this.position; index += 1) {
      if (((this.buffer[index] as number) & 0x7f) !== 0) return true;
    }
    return false;
  }

  #low32(field: string): number {
    const { buffer, end } = this;
    const start = this.position;
    if (start < end && (buffer[start] as number) < 0x80) {
      this.position = start + 1;
      return buffer[start] as number;
    }
    let value = 0;
    for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
      if (start + count >= end) this.fail(field, start, `is cut off after ${count} bytes of a varint`);
      const byte = buffer[start + count] as number;
      if (count < 5) value |= (byte & 0x7f) << (count * 7);
      if (byte < 0x80) {
        this.position = start + count + 1;
        return value;
      }
    }
    return this.fail(field, start, 'is a varint of more than 10 bytes');
  }

  /** Eight bytes, little-endian. */
  double(field: string): number {
    const start = this.position;
    this.#skipFixed(field, start, 8);
    const { buffer } = this;
    return new DataView(buffer.buffer, buffer.byteOffset + start, 8).getFloat64(0, true);
  }

  /** Reads the length of what follows and checks that so much is there. Returns where it ends. */
  lengthEnd(field: string): number {
    const at = this.position;
    let length: number;
    if (at < this.end && (this.buffer[at] as number) < 0x80) {
      length = this.buffer[at] as number;
      this.position = at + 1;
    } else {
      length = this.uint53(field);
    }
    const end = this.position + length;
    if (end > this.end) this.#cutOff(field, at, length);
    return end;
  }

  /** A view of the bytes, not a copy; a plain Uint8Array whatever the buffer is (a third cheaper than a Buffer). */
  bytes(field: string): Uint8Array {
    const end = this.lengthEnd(field);
    const start = this.position;
    this.position = end;
    if (start === end) return EMPTY_BYTES;
    const { buffer } = this;
    return new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start);
  }

  text(field: string, cache?: StringCache): string {
    const end = this.lengthEnd(field);
    const start = this.position;
    const text =
      cache === undefined ? decodeText(this.buffer, start, end) : cache.read(this.buffer, start, end);
    if (text === undefined) return this.fail(field, start, 'is not valid UTF-8');
    this.position = end;
    return text;
  }

  /**
   * Passes over a field this version does not know. `known` names the field
   * where only its wire type is wrong, which is refused: no sender means that.
   */
  skip(tag: number, at: number, known: string | undefined): void {
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (number === 0) this.fail('a field tag', at, 'has field number 0');
    if (known !== undefined) this.fail(known, at, `has the wrong wire type, ${WIRE_TYPE_NAMES[wireType]}`);
    const field = `unknown field ${number}`;
    if (wireType === WIRE_VARINT) this.#low32(field);
    else if (wireType === WIRE_BYTES) this.position = this.lengthEnd(field);
    else if (wireType === WIRE_FIXED32) this.#skipFixed(field, at, 4);
    else if (wireType === WIRE_FIXED64) this.#skipFixed(field, at, 8);
    else this.fail(field, at, `has ${WIRE_TYPE_NAMES[wireType]}, which is not accepted`);
  }

  #skipFixed(field: string, at: number, size: number): void {
    if (this.end - this.position < size) this.#cutOff(field, at, size);
    this.position += size;
  }

  #cutOff(field: string, at: number, bytes: number): never {
    this.fail(field, at, `is cut off: ${bytes} bytes announced, ${this.end - this.position} left`);
  }
}
