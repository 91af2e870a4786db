/** A `map<string, string>` field, as DataMessage and PublishRequest have it, written; metadata-codec.ts reads it. */
import { bytesFieldSize, textFieldSize, writeTextField, writeVarintField } from './writer.js';

export const TAG_MAP_KEY = 0x0a;
export const TAG_MAP_VALUE = 0x12;

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
