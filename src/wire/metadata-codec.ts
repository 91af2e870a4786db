/** A `map<string, string>` field, as DataMessage and PublishRequest have it. */
import type { Reader } from './reader.js';
import type { StringCache } from './string-cache.js';
import { bytesFieldSize, textFieldSize, writeTextField, writeVarintField } from './writer.js';

const TAG_MAP_KEY = 0x0a;
const TAG_MAP_VALUE = 0x12;
const MAP_FIELD_NAMES: readonly (string | undefined)[] = [undefined, 'metadata key', 'metadata value'];

/** Reads one entry, its length first. */
export function readMetadataEntry(
  reader: Reader,
  metadata: Map<string, string>,
  cache: StringCache | undefined,
): void {
  const { end } = reader;
  const entryEnd = reader.lengthEnd('metadata');
  reader.end = entryEnd;
  let name = '';
  let value = '';
  while (reader.position < entryEnd) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === TAG_MAP_KEY) name = reader.text('metadata key', cache);
    else if (tag === TAG_MAP_VALUE) value = reader.text('metadata value');
    else reader.skip(tag, at, MAP_FIELD_NAMES[tag >>> 3]);
  }
  metadata.set(name, value);
  reader.end = end;
}

/** With the tags and lengths of all entries. */
export function metadataSize(metadata: ReadonlyMap<string, string>): number {
  let size = 0;
  for (const [name, value] of metadata) size += bytesFieldSize(entrySize(name, value));
  return size;
}

function entrySize(name: string, value: string): number {
  return (name === '' ? 0 : textFieldSize(name)) + (value === '' ? 0 : textFieldSize(value));
}

/** `tag` is the field's own; returns the offset after it. */
export function writeMetadata(
  target: Uint8Array,
  offset: number,
  tag: number,
  metadata: ReadonlyMap<string, string>,
): number {
  let position = offset;
  for (const [name, value] of metadata) {
    position = writeVarintField(target, position, tag, entrySize(name, value));
    if (name !== '') position = writeTextField(target, position, TAG_MAP_KEY, name);
    if (value !== '') position = writeTextField(target, position, TAG_MAP_VALUE, value);
  }
  return position;
}
