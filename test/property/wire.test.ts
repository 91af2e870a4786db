import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import {
  BatchReader,
  batchSize,
  decodeMessage,
  encodeBatch,
  encodedBound,
  encodeMessage,
  messageSize,
  StringCache,
} from '../../src/wire/codec.js';
import { actionTable } from '../../src/wire/control-fields.js';
import type { DataMessage } from '../../src/wire/messages.js';
import { control, message, text } from './wire-arbitraries.js';
import { fromOracle, oracleBatch, oracleControl, oracleMessage, toOracle } from './wire-oracle.js';

const RUNS = 1500;

/** Encodes into a target with no byte to spare, away from its start. */
function encode(value: DataMessage): Uint8Array {
  const size = messageSize(value);
  const target = new Uint8Array(size + 7).fill(0xee);
  expect(encodeMessage(value, target, 3)).toBe(3 + size);
  expect([...target.subarray(0, 3), ...target.subarray(3 + size)]).toEqual(new Array(7).fill(0xee));
  return target.slice(3, 3 + size);
}

function readBatch(bytes: Uint8Array, cache?: StringCache): DataMessage[] {
  const reader = new BatchReader(bytes, 0, bytes.length, cache);
  const messages: DataMessage[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
  return messages;
}

/** For comparing: views and Buffers alike are their bytes, entries have an order. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return [...(value as Map<string, string>)].sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

/** Decodes; a SluiceError INVALID_MESSAGE is an answer, anything else a failure. */
function decodeOrRefuse(bytes: Uint8Array): DataMessage | undefined {
  try {
    return decodeMessage(bytes, 0, bytes.length, new StringCache());
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'INVALID_MESSAGE') return undefined;
    throw error;
  }
}

describe('the codec', () => {
  it('covers the actions and fields of the proto with their names and numbers', () => {
    const ours = Object.entries(actionTable).map(([action, { number, fields }]) => [
      action,
      number,
      Object.entries(fields).map(([name, [fieldNumber]]) => [name, fieldNumber]),
    ]);
    const theirs = oracleControl.fieldsArray.map((action) => {
      action.resolve();
      const type = action.resolvedType as unknown as { fieldsArray: { name: string; id: number }[] };
      return [action.name, action.id, type.fieldsArray.map((field) => [field.name, field.id])];
    });
    expect(ours).toEqual(theirs);
  });

  it('gives back what it wrote, at the size it said', () => {
    const cache = new StringCache();
    fc.assert(
      fc.property(message, (value) => {
        const bytes = encode(value);
        expect(encodedBound(value)).toBeGreaterThanOrEqual(bytes.length);
        expect(plain(decodeMessage(bytes, 0, bytes.length, cache))).toEqual(plain(value));
      }),
      { numRuns: RUNS },
    );
  });

  it('writes what protobufjs reads', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(plain(fromOracle(oracleMessage.decode(encode(value))))).toEqual(plain(value));
      }),
      { numRuns: RUNS },
    );
  });

  it('reads what protobufjs writes', () => {
    const cache = new StringCache();
    fc.assert(
      fc.property(message, (value) => {
        const bytes = oracleMessage.encode(oracleMessage.fromObject(toOracle(value))).finish();
        expect(plain(decodeMessage(bytes, 0, bytes.length, cache))).toEqual(plain(value));
      }),
      { numRuns: RUNS },
    );
  });

  it('reads and writes batches as protobufjs does', () => {
    const cache = new StringCache();
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), (values) => {
        const size = batchSize(values);
        const bytes = new Uint8Array(size);
        expect(encodeBatch(values, bytes, 0)).toBe(size);
        const decoded = oracleBatch.decode(bytes) as unknown as {
          messages: Parameters<typeof fromOracle>[0][];
        };
        expect(decoded.messages.map((value) => plain(fromOracle(value)))).toEqual(values.map(plain));
        const theirs = oracleBatch
          .encode(oracleBatch.fromObject({ messages: values.map(toOracle) }))
          .finish();
        expect(readBatch(theirs, cache).map(plain)).toEqual(values.map(plain));
      }),
      { numRuns: 500 },
    );
  });

  it('merges two encodings of one message as protobufjs does', () => {
    fc.assert(
      fc.property(message, message, (first, second) => {
        const bytes = Buffer.concat([encode(first), encode(second)]);
        expect(plain(decodeMessage(bytes, 0, bytes.length))).toEqual(
          plain(fromOracle(oracleMessage.decode(bytes))),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('merges the same control action field by field', () => {
    fc.assert(
      fc.property(control, control, (first, second) => {
        const bytes = Buffer.concat([
          encode({ ...emptyMessage, control: first }),
          encode({ ...emptyMessage, control: second }),
        ]);
        const read = decodeMessage(bytes, 0, bytes.length).control;
        if (second.action === 'unknown') expect(plain(read)).toEqual(plain(first));
        else if (first.action !== second.action) expect(plain(read)).toEqual(plain(second));
        else {
          const written = Object.entries(second).filter(([, value]) => !isDefault(value));
          expect(plain(read)).toEqual(plain({ ...first, ...Object.fromEntries(written) }));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('ends a valid message cut off at any byte with a message or a refusal', () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytes = encode(value);
        for (let length = 0; length < bytes.length; length += 1) decodeOrRefuse(bytes.subarray(0, length));
      }),
      { numRuns: 100 },
    );
  });

  it('answers random bytes, and valid ones with a byte changed, with a message or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeOrRefuse(bytes);
        try {
          readBatch(bytes);
        } catch (error) {
          if (!(error instanceof SluiceError)) throw error;
        }
      }),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = encode(value);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        const read = decodeOrRefuse(bytes);
        // What was taken can be sent on.
        if (read !== undefined)
          expect(plain(decodeMessage(encode(read), 0, messageSize(read)))).toBeDefined();
      }),
      { numRuns: RUNS },
    );
  });
});

describe('StringCache', () => {
  it('never gives a text other than the bytes say, and the same instance while it is remembered', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(text, fc.constantFrom('a1', 'a2', 'b1', '')), { maxLength: 300 }),
        (texts) => {
          const cache = new StringCache();
          for (const value of texts) {
            const bytes = Buffer.from(value);
            expect(cache.read(bytes, 0, bytes.length)).toBe(bytes.toString());
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

const emptyMessage: DataMessage = decodeMessage(new Uint8Array(0), 0, 0);

function isDefault(value: unknown): boolean {
  return (
    value === '' || value === 0 || value === false || (value instanceof Uint8Array && value.length === 0)
  );
}
