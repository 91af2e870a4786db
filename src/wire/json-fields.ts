/**
 * Single values of proto3 JSON (https://protobuf.dev/programming-guides/json/),
 * read and written. Reading is strict: what is not a value of its field is
 * refused with its path and the value.
 */
import { SluiceError } from '../core/errors.js';
import { quoted } from '../core/printable.js';
import { decodeBase64, encodeBase64 } from './base64.js';
import { fieldDefaults, snakeCase, varintOf, type FieldKind, type FieldValue } from './field-codec.js';
import {
  EMPTY_BYTES,
  MAX_METADATA_ENTRIES,
  MessageType,
  OverflowPolicy,
  WireRetryAdvice,
} from './messages.js';

const MAX_UINT32 = 0xffff_ffff;
const MAX_INT32 = 0x7fff_ffff;
const WHOLE = /^\d{1,16}$/;
const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
/** Half a surrogate pair, which no UTF-8 can spell. */
const HALF_CHARACTER = /\p{Cs}/u;

export type JsonObject = Readonly<Record<string, unknown>>;

/** A field as JSON names it; `K` adds kinds that are no scalars. */
export interface JsonField<K extends string = FieldKind> {
  readonly name: string;
  readonly kind: K;
}

/** The fields of one message by the names that are read: in camel case, and as the proto writes them. */
export type JsonFields<K extends string = FieldKind> = ReadonlyMap<string, JsonField<K>>;

export function jsonFieldsOf<K extends string>(
  table: Readonly<Record<string, readonly [number: number, kind: K]>>,
): JsonFields<K> {
  const fields = new Map<string, JsonField<K>>();
  for (const [name, [, kind]] of Object.entries(table)) {
    const field = { name, kind };
    fields.set(name, field);
    fields.set(snakeCase(name), field);
  }
  return fields;
}

/** Throws INVALID_MESSAGE. */
export function refuseJson(path: string, problem: string): never {
  throw new SluiceError('INVALID_MESSAGE', `The message can not be read: ${path} ${problem}.`);
}

/** What a wrong value is, for a person: bounded, and nothing of what may be a secret. */
function shown(value: unknown, field?: string): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return value === null ? 'null' : 'an object';
  if (typeof value !== 'string') return JSON.stringify(value);
  return field !== undefined && UNSHOWN.has(field) ? 'a string' : quoted(value);
}

const UNSHOWN: ReadonlySet<string> = new Set(['data', 'token', 'resumeToken']);

export function readObject(value: unknown, path: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  return refuseJson(path, `is ${shown(value)}, not an object`);
}

/**
 * Calls `read` with each field that is there. `null` stands for one that is
 * not, as proto3 JSON has it. Refuses a name that is no field's, and a field
 * that is there under both of its names.
 */
export function readFields<K extends string>(
  value: unknown,
  path: string,
  fields: JsonFields<K>,
  read: (field: JsonField<K>, value: unknown, path: string) => void,
): void {
  const object = readObject(value, path);
  const prefix = path === ROOT ? '' : `${path}.`;
  for (const key in object) {
    const field = fields.get(key);
    if (field === undefined) refuseJson(path, `has a field ${quoted(key)}, which is not known`);
    if (key !== field.name && Object.hasOwn(object, field.name)) {
      refuseJson(path, `has the field ${field.name} twice, as ${key} too`);
    }
    const inner = object[key];
    if (inner !== null) read(field, inner, prefix + field.name);
  }
}

/** The path of the message itself. */
export const ROOT = 'the message';

export function readScalar(kind: FieldKind, name: string, value: unknown, path: string): FieldValue {
  switch (kind) {
    case 'text':
      return readText(value, path, name);
    case 'bytes':
      return readBytes(value, path, name);
    case 'uint32':
      return readWhole(value, path, MAX_UINT32, '2^32-1');
    case 'uint53':
      return readWhole(value, path, Number.MAX_SAFE_INTEGER, '2^53-1');
    case 'enum':
      return readEnum(value, path, name);
    case 'bool':
      if (typeof value === 'boolean') return value;
      return refuseJson(path, `is ${shown(value)}: it has to be true or false`);
  }
}

function readText(value: unknown, path: string, name?: string): string {
  if (typeof value !== 'string') return refuseJson(path, `is ${shown(value, name)}: it has to be a string`);
  if (HALF_CHARACTER.test(value)) refuseJson(path, 'holds half a surrogate pair: it is not valid Unicode');
  return value;
}

function readBytes(value: unknown, path: string, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? decodeBase64(value) : undefined;
  if (bytes === undefined) return refuseJson(path, `is ${shown(value, name)}: it has to be base64`);
  return bytes.length === 0 ? EMPTY_BYTES : bytes;
}

function readWhole(value: unknown, path: string, max: number, maxText: string): number {
  const number = typeof value === 'string' && WHOLE.test(value) ? Number(value) : value;
  if (Number.isInteger(number) && (number as number) >= 0 && (number as number) <= max) {
    // -0 is 0.
    return (number as number) + 0;
  }
  return refuseJson(path, `is ${shown(value)}: it has to be a whole number, 0 to ${maxText}`);
}

interface EnumNames {
  readonly byName: ReadonlyMap<string, number>;
  readonly byNumber: readonly (string | undefined)[];
}

function enumNames(prefix: string, values: Readonly<Record<string, number>>): EnumNames {
  const byName = new Map<string, number>();
  const byNumber: string[] = [];
  for (const [name, number] of Object.entries(values)) {
    byName.set(prefix + name, number);
    byNumber[number] = prefix + name;
  }
  return { byName, byNumber };
}

/** By the name of the field: each enum is of one alone. */
const ENUMS: Readonly<Record<string, EnumNames>> = {
  type: enumNames('MESSAGE_TYPE_', MessageType),
  overflow: enumNames('OVERFLOW_POLICY_', OverflowPolicy),
  retry: enumNames('RETRY_ADVICE_', WireRetryAdvice),
};

function readEnum(value: unknown, path: string, name: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_INT32) {
    return (value as number) + 0;
  }
  const { byName, byNumber } = ENUMS[name] as EnumNames;
  const number = typeof value === 'string' ? byName.get(value) : undefined;
  if (number !== undefined) return number;
  return refuseJson(path, `is ${shown(value)}: it has to be one of ${byNumber.join(', ')}, or a number`);
}

/** A `map<string, string>`; undefined when it is empty. */
export function readMetadata(value: unknown, path: string): ReadonlyMap<string, string> | undefined {
  const entries = readMap(value, path, MAX_METADATA_ENTRIES, (inner, innerPath) =>
    readText(inner, innerPath),
  );
  return entries.size === 0 ? undefined : entries;
}

export function readMap<V>(
  value: unknown,
  path: string,
  maxEntries: number,
  read: (value: unknown, path: string) => V,
): Map<string, V> {
  const object = readObject(value, path);
  const entries = new Map<string, V>();
  for (const key in object) {
    if (entries.size === maxEntries) refuseJson(path, `has more than ${maxEntries} entries`);
    if (HALF_CHARACTER.test(key)) refuseJson(path, 'has a key with half a surrogate pair');
    entries.set(key, read(object[key], `${path}[${quoted(key)}]`));
  }
  return entries;
}

export function readDouble(value: unknown, path: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return NaN;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  if (typeof value === 'string' && DECIMAL.test(value)) return Number(value);
  return refuseJson(path, `is ${shown(value)}: it has to be a number`);
}

/** The value as it stands in JSON; undefined for the default, which is left out. Written within its kind's range, as `writeField` does. */
export function scalarJson(kind: FieldKind, name: string, value: FieldValue): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : textJson(value);
  if (value instanceof Uint8Array) return value.length === 0 ? undefined : bytesJson(value);
  const number = varintOf(kind, value);
  if (number === fieldDefaults.uint32) return undefined;
  switch (kind) {
    case 'bool':
      return 'true';
    case 'enum':
      return enumJson(name, number);
    case 'uint53':
      // A 64-bit integer is a string in proto3 JSON: not every reader holds more than a double.
      return `"${number}"`;
    default:
      return `${number}`;
  }
}

export function enumJson(name: string, number: number): string {
  const word = ENUMS[name]?.byNumber[number];
  return word === undefined ? `${number}` : `"${word}"`;
}

export function bytesJson(bytes: Uint8Array): string {
  return `"${encodeBase64(bytes)}"`;
}

export function textJson(text: string): string {
  const json = JSON.stringify(text);
  // Half a surrogate pair comes out escaped; in UTF-8 it is U+FFFD, and so it is here.
  return json.includes('\\ud') ? JSON.stringify(text.replace(/\p{Cs}/gu, '\uFFFD')) : json;
}

export function metadataJson(metadata: ReadonlyMap<string, string>): string {
  let json = '';
  for (const [name, value] of metadata) json += `,${textJson(name)}:${textJson(value)}`;
  return `{${json.slice(1)}}`;
}

export function doubleJson(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? `${value}` : `"${value}"`;
}
