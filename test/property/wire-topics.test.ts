import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import {
  decodeIngestSummary,
  decodePublishRequest,
  decodePublishResponse,
  decodeSubscribeRequest,
  encodeIngestSummary,
  encodePublishRequest,
  encodePublishResponse,
  encodeSubscribeRequest,
} from '../../src/wire/topic-codec.js';
import { bytes, metadata, text, uint32, uint53 } from './wire-arbitraries.js';

const RUNS = 600;

const root = new protobuf.Root();
root.loadSync(fileURLToPath(new URL('../../proto/sluice/v1/stream.proto', import.meta.url)));

/** The judge holds maps in plain objects, where this name means something else. */
const name = text.filter((value) => value !== '__proto__');

interface Kind {
  readonly message: fc.Arbitrary<Record<string, unknown>>;
  readonly encode: (value: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Fields that are maps: given as Map here, as objects there. */
  readonly map?: string;
}

const kinds: Readonly<Record<string, Kind>> = {
  SubscribeRequest: {
    message: fc.record({
      topic: text,
      afterSequence: uint53,
      history: uint32,
      overflow: fc.nat(0x7fff_ffff),
    }),
    encode: encodeSubscribeRequest,
    decode: decodeSubscribeRequest,
  },
  PublishRequest: {
    message: fc.record({
      topic: text,
      data: bytes,
      key: text,
      metadata: fc.option(metadata, { nil: undefined }),
      idempotencyKey: text,
      ttlMs: uint32,
    }),
    encode: encodePublishRequest,
    decode: decodePublishRequest,
    map: 'metadata',
  },
  PublishResponse: {
    message: fc.record({ sequence: uint53, subscribers: uint32, duplicate: fc.boolean() }),
    encode: encodePublishResponse,
    decode: decodePublishResponse,
  },
  IngestSummary: {
    message: fc.record({
      messages: uint53,
      bytes: uint53,
      rejected: uint53,
      aggregates: fc
        .array(fc.tuple(name, fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity))), { maxLength: 8 })
        .map((entries) => new Map(entries)),
    }),
    encode: encodeIngestSummary,
    decode: decodeIngestSummary,
    map: 'aggregates',
  },
};

/** For comparing: views and Buffers alike are their bytes, entries have an order, a map without entries is none. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) {
    const entries = [...(value as Map<string, unknown>)];
    return entries.length === 0 ? undefined : entries.sort(([a], [b]) => (a < b ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function decodeOrRefuse(decode: Kind['decode'], given: Uint8Array): unknown {
  try {
    return decode(given);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'INVALID_MESSAGE') return undefined;
    throw error;
  }
}

describe.each(Object.entries(kinds))('the codec of %s', (typeName, { message, encode, decode, map }) => {
  const oracle = root.lookupType(`sluice.v1.${typeName}`);
  const write = encode as (value: unknown) => Uint8Array;

  const toOracle = (value: Record<string, unknown>): Uint8Array => {
    const given = map === undefined ? undefined : (value[map] as Map<string, unknown> | undefined);
    const fields =
      map === undefined ? value : { ...value, [map]: given === undefined ? {} : Object.fromEntries(given) };
    return oracle.encode(oracle.fromObject(fields)).finish();
  };
  const fromOracle = (encoded: Uint8Array): unknown => {
    const read = oracle.toObject(oracle.decode(encoded), { longs: Number, defaults: true, enums: Number });
    if (map === undefined) return read;
    return { ...read, [map]: new Map(Object.entries(read[map] as Record<string, unknown>)) };
  };

  it('writes what protobufjs reads, reads what it writes, and gives back what it wrote', () => {
    fc.assert(
      fc.property(message, (value) => {
        const encoded = write(value);
        expect(plain(fromOracle(encoded))).toEqual(plain(value));
        expect(plain(decode(toOracle(value)))).toEqual(plain(value));
        expect(plain(decode(encoded))).toEqual(plain(value));
      }),
      { numRuns: RUNS },
    );
  });

  it('lets the later of two encodings win, as protobufjs does', () => {
    fc.assert(
      fc.property(message, message, (first, second) => {
        const both = Buffer.concat([write(first), write(second)]);
        expect(plain(decode(both))).toEqual(plain(fromOracle(both)));
      }),
      { numRuns: RUNS },
    );
  });

  it('reads within a larger buffer, and passes over fields it does not know', () => {
    fc.assert(
      fc.property(message, (value) => {
        const framed = Buffer.concat([
          Buffer.alloc(3, 0xff),
          Buffer.from([0x78, 0x05]),
          write(value),
          Buffer.from([0x7d, 1, 2, 3, 4]),
        ]);
        expect(plain(decode(framed.subarray(3)))).toEqual(plain(value));
      }),
      { numRuns: 100 },
    );
  });

  it('answers what is cut off, changed or made up with a message or INVALID_MESSAGE', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (value, at, byte) => {
        const encoded = write(value);
        for (let length = 0; length < Math.min(encoded.length, 200); length += 1) {
          decodeOrRefuse(decode, encoded.subarray(0, length));
        }
        if (encoded.length > 0) encoded[at % encoded.length] = byte;
        const read = decodeOrRefuse(decode, encoded);
        // What was taken can be sent on.
        if (read !== undefined) expect(decode(write(read))).toBeDefined();
      }),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (given) => {
        decodeOrRefuse(decode, given);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('the table of fields', () => {
  it.each(Object.entries(kinds))('of %s names every field of the proto', (typeName, { decode }) => {
    const names = root.lookupType(`sluice.v1.${typeName}`).fieldsArray.map((field) => field.name);
    expect(Object.keys(decode(new Uint8Array(0)) as object).sort()).toEqual(names.sort());
  });
});
