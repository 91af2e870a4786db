import {
  bytesFieldSize,
  textFieldSize,
  varintSize,
  writeBytesField,
  writeTextField,
  writeVarintField,
} from '../../wire/writer.js';

/** One field of a message: its tag of one byte (number and wire type), and what it holds. */
export type Field = readonly [tag: number, value: string | number | Uint8Array];

/** A protobuf message of these fields, in their order: for messages too rare to need a codec made for them. */
export function encodeFields(fields: readonly Field[]): Buffer {
  const target = Buffer.alloc(fields.reduce((sum, [, value]) => sum + sizeOf(value), 0));
  let offset = 0;
  for (const [tag, value] of fields) {
    if (typeof value === 'number') offset = writeVarintField(target, offset, tag, value);
    else if (typeof value === 'string') offset = writeTextField(target, offset, tag, value);
    else offset = writeBytesField(target, offset, tag, value);
  }
  return target;
}

function sizeOf(value: string | number | Uint8Array): number {
  if (typeof value === 'number') return 1 + varintSize(value);
  return typeof value === 'string' ? textFieldSize(value) : bytesFieldSize(value.length);
}
