import { metadataSize, writeMetadata } from './metadata-writer.js';

/** The field of a DataMessage. */
export const TAG_METADATA = 0x3a;

/**
 * Metadata that goes into many messages: what it comes to on the wire, and what
 * it weighs, is found out once. It does not change.
 */
export class EncodedMetadata implements ReadonlyMap<string, string> {
  readonly #entries: ReadonlyMap<string, string>;
  #bytes: Uint8Array | undefined;
  /** Names and values, in UTF-16 units: its part of `weightOf`. */
  readonly weight: number;

  constructor(entries: Iterable<readonly [string, string]>) {
    this.#entries = new Map(entries);
    let weight = 0;
    for (const [name, value] of this.#entries) weight += name.length + value.length;
    this.weight = weight;
  }

  /** As the field `metadata` of a DataMessage, all entries with their tags. Made when it is first asked for. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const bytes = new Uint8Array(metadataSize(this.#entries));
      writeMetadata(bytes, 0, TAG_METADATA, this.#entries);
      this.#bytes = bytes;
    }
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): string | undefined {
    return this.#entries.get(name);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  keys(): MapIterator<string> {
    return this.#entries.keys();
  }

  values(): MapIterator<string> {
    return this.#entries.values();
  }

  entries(): MapIterator<[string, string]> {
    return this.#entries.entries();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#entries[Symbol.iterator]();
  }

  forEach(
    callback: (value: string, name: string, metadata: ReadonlyMap<string, string>) => void,
    thisArg?: unknown,
  ): void {
    for (const [name, value] of this.#entries) callback.call(thisArg, value, name, this);
  }
}
