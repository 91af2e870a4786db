/** The scalar fields of messages that are described by tables: those that are too rare to be worth code of their own. */
import { EMPTY_BYTES } from './messages.js';
import type { Reader } from './reader.js';
import {
  bytesFieldSize,
  textFieldSize,
  toUint32,
  varintSize,
  WIRE_BYTES,
  WIRE_VARINT,
  writeBytesField,
  writeTextField,
  writeVarintField,
} from './writer.js';

export type FieldKind = 'text' | 'bytes' | 'uint32' | 'uint53' | 'enum' | 'bool';

export type KindFor<T> = T extends string
  ? 'text'
  : T extends boolean
    ? 'bool'
    : T extends number
      ? 'uint32' | 'uint53' | 'enum'
      : 'bytes';

export type FieldValue = string | number | boolean | Uint8Array;
export type FieldValues = Record<string, FieldValue>;

export interface Field {
  readonly name: string;
  /** As errors name it: the names of the proto. */
  readonly path: string;
  readonly kind: FieldKind;
  readonly tag: number;
}

/** Fields by name, in the order of their numbers. */
export type FieldTable = Readonly<Record<string, readonly [number: number, kind: FieldKind]>>;

/** `prefix` stands before each field's name where an error tells of it. */
export function fieldsOf(table: FieldTable, prefix = ''): readonly Field[] {
  return Object.entries(table).map(([name, [number, kind]]) => ({
    name,
    path: prefix + snakeCase(name),
    kind,
    tag: (number << 3) | (kind === 'text' || kind === 'bytes' ? WIRE_BYTES : WIRE_VARINT),
  }));
}

/** A name of ours as the proto writes it. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What a field has that is not there. */
export const fieldDefaults: Readonly<Record<FieldKind, FieldValue>> = {
  text: '',
  bytes: EMPTY_BYTES,
  uint32: 0,
  uint53: 0,
  enum: 0,
  bool: false,
};

/** As written: whole, within its kind's range. 0 is not written. */
export function varintOf(kind: FieldKind, value: FieldValue): number {
  const number = Math.floor(Number(value));
  if (!(number > 0)) return 0;
  if (kind === 'uint32') return toUint32(number);
  return Math.min(number, kind === 'enum' ? 0x7fff_ffff : Number.MAX_SAFE_INTEGER);
}

export function fieldSize(field: Field, value: FieldValue): number {
  if (typeof value === 'string') return value === '' ? 0 : textFieldSize(value);
  if (value instanceof Uint8Array) return value.length === 0 ? 0 : bytesFieldSize(value.length);
  const number = varintOf(field.kind, value);
  return number === 0 ? 0 : 1 + varintSize(number);
}

export function writeField(target: Uint8Array, offset: number, field: Field, value: FieldValue): number {
  if (typeof value === 'string')
    return value === '' ? offset : writeTextField(target, offset, field.tag, value);
  if (value instanceof Uint8Array) {
    return value.length === 0 ? offset : writeBytesField(target, offset, field.tag, value);
  }
  const number = varintOf(field.kind, value);
  return number === 0 ? offset : writeVarintField(target, offset, field.tag, number);
}

export function readField(reader: Reader, { kind, path }: Field): FieldValue {
  switch (kind) {
    case 'text':
      return reader.text(path);
    case 'bytes':
      return reader.bytes(path);
    case 'uint32':
      return reader.uint32(path);
    case 'uint53':
      return reader.uint53(path);
    case 'enum':
      return reader.int32(path);
    case 'bool':
      return reader.bool(path);
  }
}
