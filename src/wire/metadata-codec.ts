/** A `map<string, string>` field, as DataMessage and PublishRequest have it, read; metadata-writer.ts writes it. */
import type { Reader } from './reader.js';
import type { StringCache } from './string-cache.js';
import { TAG_MAP_KEY, TAG_MAP_VALUE } from './metadata-writer.js';

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
