/**
 * The scalar fields of protobuf, written. Each function returns the offset
 * after what it wrote. All fields of this protocol have a number below 16, so
 * a tag is one byte (https://protobuf.dev/programming-guides/encoding/).
 */
import { encodePrefixedText, textSize } from './text.js';

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

const MAX_UINT32 = 0xffff_ffff;
const TWO_POW_28 = 0x1000_0000;
/** Below this a loop of byte stores is quicker than TypedArray.set. */
const SHORT_COPY = 24;

/** Bytes of `value` (a whole number, 0 to 2^53-1) as a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < TWO_POW_28) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  if (value < 2 ** 49) return 7;
  return 8;
}

/** Writes `value`, 0 to 2^53-1; a fraction is cut off, what is larger is written as 2^53-1. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let position = offset;
  let rest: number;
  if (value < TWO_POW_28) {
    rest = value | 0;
  } else {
    const whole = Math.min(value, Number.MAX_SAFE_INTEGER);
    rest = Math.floor(whole / TWO_POW_28);
    const low = whole - rest * TWO_POW_28;
    target[position] = (low & 0x7f) | 0x80;
    target[position + 1] = ((low >>> 7) & 0x7f) | 0x80;
    target[position + 2] = ((low >>> 14) & 0x7f) | 0x80;
    target[position + 3] = ((low >>> 21) & 0x7f) | 0x80;
    position += 4;
  }
  while (rest > 0x7f) {
    target[position] = (rest & 0x7f) | 0x80;
    position += 1;
    rest >>>= 7;
  }
  target[position] = rest;
  return position + 1;
}

/** A number as a uint32 field holds it: what is larger becomes 2^32-1. */
export function toUint32(value: number): number {
  return value > MAX_UINT32 ? MAX_UINT32 : value;
}

export function bytesFieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

export function textFieldSize(text: string): number {
  return bytesFieldSize(textSize(text));
}

export function writeVarintField(target: Uint8Array, offset: number, tag: number, value: number): number {
  target[offset] = tag;
  return writeVarint(target, offset + 1, value);
}

export function writeDoubleField(target: Uint8Array, offset: number, tag: number, value: number): number {
  target[offset] = tag;
  new DataView(target.buffer, target.byteOffset + offset + 1, 8).setFloat64(0, value, true);
  return offset + 9;
}

export function writeTextField(target: Uint8Array, offset: number, tag: number, text: string): number {
  target[offset] = tag;
  return encodePrefixedText(target, offset + 1, text, writeVarint);
}

export function writeBytesField(target: Uint8Array, offset: number, tag: number, bytes: Uint8Array): number {
  const length = bytes.length;
  target[offset] = tag;
  const start = writeVarint(target, offset + 1, length);
  if (length < SHORT_COPY) {
    for (let index = 0; index < length; index += 1) target[start + index] = bytes[index] as number;
  } else {
    target.set(bytes, start);
  }
  return start + length;
}
