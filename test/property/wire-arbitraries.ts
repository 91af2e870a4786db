/** Messages of every kind, for property tests of the codec. */
import fc from 'fast-check';
import { actionTable } from '../../src/wire/control-fields.js';
import type { FieldKind } from '../../src/wire/field-codec.js';
import { type Control, type DataMessage, dataMessage, EMPTY_BYTES } from '../../src/wire/messages.js';

export const uint32 = fc.oneof(fc.nat(300), fc.nat(0xffff_ffff), fc.constant(0xffff_ffff));
/** Each length of a varint is as likely as the others. */
export const uint53 = fc.oneof(
  fc.constant(0),
  fc.constant(Number.MAX_SAFE_INTEGER),
  // Where a varint grows by a byte.
  fc
    .tuple(fc.integer({ min: 1, max: 7 }), fc.constantFrom(-1, 0, 1))
    .map(([bytes, by]) => 2 ** (7 * bytes) + by),
  fc.tuple(fc.nat(52), fc.maxSafeNat()).map(([bits, number]) => 2 ** bits + (number % 2 ** bits)),
);
/** ASCII of all lengths around the codec's own limits, and any text with whole characters. */
export const text = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
  fc.string({ unit: 'grapheme-ascii', minLength: 60, maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 90 }),
  fc.constantFrom('\uFEFF marked', 'kept \uFFFD as sent', '\u0000'),
);
export const bytes = fc
  .oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 120, maxLength: 400 }))
  .map((value) => (value.length === 0 ? EMPTY_BYTES : value));

const byKind: Record<FieldKind, fc.Arbitrary<string | number | boolean | Uint8Array>> = {
  text,
  bytes,
  uint32,
  uint53,
  enum: fc.nat(5),
  bool: fc.boolean(),
};

const known = Object.entries(actionTable).map(([action, { fields }]) =>
  fc.record({
    action: fc.constant(action),
    ...Object.fromEntries(
      Object.entries(fields as Record<string, readonly [number, FieldKind]>).map(([name, [, kind]]) => [
        name,
        byKind[kind],
      ]),
    ),
  }),
);

/** Each of the 13 actions, or one without any. */
export const control: fc.Arbitrary<Control> = fc.oneof(
  ...known,
  fc.constant({ action: 'unknown', field: 0 }),
) as fc.Arbitrary<Control>;

export const metadata = fc
  // The judge holds metadata in plain objects, where this name means something else.
  .array(
    fc.tuple(
      text.filter((name) => name !== '__proto__'),
      text,
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((entries) => new Map(entries));

export const message: fc.Arbitrary<DataMessage> = fc
  .record(
    {
      type: fc.oneof(fc.nat(5), fc.nat(0x7fff_ffff)),
      sessionId: text,
      sequence: uint53,
      ack: uint53,
      timestampMs: uint53,
      data: bytes,
      metadata,
      key: text,
      more: fc.boolean(),
      control,
      ttlMs: uint32,
    },
    { requiredKeys: [] },
  )
  .map((fields) => dataMessage(fields));
