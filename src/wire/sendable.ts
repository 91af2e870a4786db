import { EMPTY_BYTES, MAX_METADATA_ENTRIES } from './messages.js';

const encoder = new TextEncoder();

/** What is sent, as bytes. @throws TypeError for what is neither bytes nor text */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return data === '' ? EMPTY_BYTES : encoder.encode(data);
  if (data instanceof Uint8Array) return data;
  const given: unknown = data;
  const what = given === null ? 'null' : typeof given;
  throw new TypeError(`data is ${what}: what is sent is a Uint8Array (a Buffer is one) or a string`);
}

/** As the wire holds it; none where it is empty. @throws TypeError, RangeError */
export function metadataOf(
  metadata: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> | undefined {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return undefined;
  if (entries.length > MAX_METADATA_ENTRIES) {
    throw new RangeError(
      `metadata has ${entries.length} entries: a message may have ${MAX_METADATA_ENTRIES}`,
    );
  }
  for (const [name, value] of entries) {
    if (typeof value === 'string') continue;
    throw new TypeError(`metadata "${name}" is ${typeof value}: it has to be a string`);
  }
  return new Map(entries);
}
