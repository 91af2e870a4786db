import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { BatchReader, decodeMessage, encodeBatch, batchSize } from '../../../src/wire/codec.js';
import { dataMessage } from '../../../src/wire/messages.js';

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

/** The refusal, as a client would be told. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    expect((error as SluiceError).code).toBe('INVALID_MESSAGE');
    return (error as SluiceError).message;
  }
  throw new Error('was taken');
}

const metadataEntry = '3a 06 0a 01 61 12 01 62';
const minusOne = 'ff ff ff ff ff ff ff ff ff 01';

function tooManyFields(at: number): string {
  return `a field tag at byte ${at} is number 257 of the message; at most 256 are accepted`;
}

const bad: readonly [name: string, bytes: string, message: string][] = [
  ['a tag without its value', '18', 'sequence at byte 1 is cut off after 0 bytes of a varint'],
  ['a varint cut off', '08 01 18 ff ff', 'sequence at byte 3 is cut off after 2 bytes of a varint'],
  ['a 32-bit varint cut off', '58 ff', 'ttl_ms at byte 1 is cut off after 1 bytes of a varint'],
  ['a bool cut off', '48 80', 'more at byte 1 is cut off after 1 bytes of a varint'],
  ['a tag cut off', '80', 'a field tag at byte 0 is cut off after 1 bytes of a varint'],
  ['text cut off', '12 05 61 62', 'session_id at byte 1 is cut off: 5 bytes announced, 2 left'],
  ['data cut off', '32 80 02 61', 'data at byte 1 is cut off: 256 bytes announced, 1 left'],
  [
    'a length of 2^53-1',
    '32 ff ff ff ff ff ff ff 0f 61',
    'data at byte 1 is cut off: 9007199254740991 bytes announced, 1 left',
  ],
  ['a length above 2^53-1', `32 ${minusOne}`, 'data at byte 1 is not within 0 to 2^53-1'],
  ['text that is not UTF-8', '12 02 c3 28', 'session_id at byte 2 is not valid UTF-8'],
  ['an overlong encoding of "/"', '42 02 c0 af', 'key at byte 2 is not valid UTF-8'],
  ['half a surrogate pair', '42 03 ed a0 80', 'key at byte 2 is not valid UTF-8'],
  ['a metadata name not UTF-8', '3a 03 0a 01 ff', 'metadata key at byte 4 is not valid UTF-8'],
  ['a metadata value not UTF-8', '3a 03 12 01 ff', 'metadata value at byte 4 is not valid UTF-8'],
  ['control text not UTF-8', '52 05 32 03 0a 01 ff', 'control.pause.reason at byte 6 is not valid UTF-8'],
  ['a sequence of 2^53', '18 80 80 80 80 80 80 80 10', 'sequence at byte 1 is not within 0 to 2^53-1'],
  ['an ack of 2^64-1', `20 ${minusOne}`, 'ack at byte 1 is not within 0 to 2^53-1'],
  ['a negative timestamp', `28 ${minusOne}`, 'timestamp_ms at byte 1 is not within 0 to 2^53-1'],
  ['a varint of 65 bits', '18 80 80 80 80 80 80 80 80 80 02', 'sequence at byte 1 is not within 0 to 2^53-1'],
  [
    'a varint of 11 bytes',
    '18 80 80 80 80 80 80 80 80 80 80 01',
    'sequence at byte 1 is a varint of more than 10 bytes',
  ],
  [
    'a 32-bit varint of 11 bytes',
    '58 80 80 80 80 80 80 80 80 80 80 01',
    'ttl_ms at byte 1 is a varint of more than 10 bytes',
  ],
  ['field number 0', '00 01', 'a field tag at byte 0 has field number 0'],
  ['field number 0 in metadata', '3a 02 00 01', 'a field tag at byte 2 has field number 0'],
  ['field number 0 in control', '52 02 02 00', 'a field tag at byte 2 has field number 0'],
  ['a tag above 32 bits', '80 80 80 80 10', 'a field tag at byte 0 is 4294967296, more than 32 bits'],
  [
    'a known field as fixed64',
    '19 00 00 00 00 00 00 00 00',
    'sequence at byte 0 has the wrong wire type, fixed64',
  ],
  ['a known field as bytes', '0a 00', 'type at byte 0 has the wrong wire type, length-delimited'],
  ['data as a varint', '30 01', 'data at byte 0 has the wrong wire type, varint'],
  ['a metadata name as a varint', '3a 02 08 01', 'metadata key at byte 2 has the wrong wire type, varint'],
  ['an action as a varint', '52 02 08 01', 'control.welcome at byte 2 has the wrong wire type, varint'],
  [
    "an action's field as a varint",
    '52 04 12 02 08 01',
    'control.open.route at byte 4 has the wrong wire type, varint',
  ],
  ['a known field as a group', '0b', 'type at byte 0 has the wrong wire type, group start'],
  ['an unknown group', '63 64', 'unknown field 12 at byte 0 has group start, which is not accepted'],
  ['the end of a group', '64', 'unknown field 12 at byte 0 has group end, which is not accepted'],
  ['wire type 6', '66', 'unknown field 12 at byte 0 has wire type 6, which is not accepted'],
  ['wire type 7', '67', 'unknown field 12 at byte 0 has wire type 7, which is not accepted'],
  [
    'an unknown fixed32 cut off',
    '65 00 00',
    'unknown field 12 at byte 0 is cut off: 4 bytes announced, 2 left',
  ],
  ['an unknown fixed64 cut off', '61 00', 'unknown field 12 at byte 0 is cut off: 8 bytes announced, 1 left'],
  ['unknown bytes cut off', '62 02 00', 'unknown field 12 at byte 1 is cut off: 2 bytes announced, 1 left'],
  ['control longer than the message', '52 05 32', 'control at byte 1 is cut off: 5 bytes announced, 1 left'],
  [
    'an action longer than its control',
    '52 02 32 01 00',
    'control.pause at byte 3 is cut off: 1 bytes announced, 0 left',
  ],
  [
    'a field longer than its action',
    '52 04 32 02 0a 05 61 61 61 61 61',
    'control.pause.reason at byte 5 is cut off: 5 bytes announced, 0 left',
  ],
  [
    'a varint running out of its action',
    '52 04 4a 02 08 ff 01',
    'control.gap.from_sequence at byte 5 is cut off after 1 bytes of a varint',
  ],
  [
    'a 17th control',
    '52 02 12 00'.repeat(16) + '52 00',
    'control at byte 64 is there 17 times; at most 16 are accepted',
  ],
  [
    'a 17th action in one control',
    `52 22 ${'12 00'.repeat(17)}`,
    'control.open at byte 34 is action 17 of the message; at most 16 are accepted',
  ],
  [
    'a 17th action over several controls',
    `52 20 ${'12 00 22 00'.repeat(8)} 52 02 12 00`,
    'control.open at byte 36 is action 17 of the message; at most 16 are accepted',
  ],
  ['a 257th field', '12 01 61'.repeat(257), tooManyFields(768)],
  ['a 257th field, most of them unknown', '08 01' + '7a 00'.repeat(256), tooManyFields(512)],
  ['a 257th field, most of them in an entry', `3a 80 04 ${'0a 00'.repeat(256)}`, tooManyFields(513)],
  [
    'a 257th field, most of them in an action',
    `52 81 04 12 fe 03 ${'0a 00'.repeat(255)}`,
    tooManyFields(514),
  ],
  ['65 metadata entries', metadataEntry.repeat(65), 'metadata at byte 512 has more than 64 entries'],
];

describe('decodeMessage refuses', () => {
  it.each(bad)('%s', (_, bytes, message) => {
    const whole = hex(bytes);
    const sentence = `The message can not be read: ${message}.`;
    expect(refusal(() => decodeMessage(whole, 0, whole.length))).toBe(sentence);
    // Neither what stands around the message nor where it stands changes the answer.
    const framed = Buffer.concat([Buffer.alloc(5, 0x61), whole, Buffer.alloc(20, 0x01)]);
    expect(refusal(() => decodeMessage(framed, 5, 5 + whole.length))).toBe(sentence);
  });

  it('nothing below these limits', () => {
    const fields = hex('12 01 61'.repeat(256));
    expect(decodeMessage(fields, 0, fields.length).sessionId).toBe('a');
    const controls = hex('52 04 12 02 50 01'.repeat(16));
    expect(decodeMessage(controls, 0, controls.length).control).toMatchObject({
      action: 'open',
      resume: true,
    });
  });

  it('a range outside the buffer, as a fault of the caller', () => {
    expect(() => decodeMessage(new Uint8Array(4), 0, 5)).toThrow(RangeError);
    expect(() => decodeMessage(new Uint8Array(4), 3, 2)).toThrow(RangeError);
  });
});

describe('BatchReader', () => {
  const one = dataMessage({ sessionId: 's', data: hex('01') });

  it('reads 1,024 messages and refuses the next', () => {
    const messages = new Array<typeof one>(1025).fill(one);
    const bytes = new Uint8Array(batchSize(messages));
    encodeBatch(messages, bytes, 0);
    const reader = new BatchReader(bytes, 0, bytes.length);
    for (let count = 0; count < 1024; count += 1) expect(reader.next()?.sessionId).toBe('s');
    expect(refusal(() => reader.next())).toMatch(/messages at byte \d+ has more than 1024 entries/);

    const full = new BatchReader(bytes, 0, batchSize(messages.slice(1)));
    let count = 0;
    while (full.next() !== undefined) count += 1;
    expect(count).toBe(1024);
    expect(full.next()).toBeUndefined();
  });

  it('counts the fields of each message anew, and those between messages', () => {
    const three = hex(`0a fc 01 ${'18 01'.repeat(126)}`.repeat(3));
    const reader = new BatchReader(three, 0, three.length);
    for (let n = 0; n < 3; n += 1) expect(reader.next()?.sequence).toBe(1);
    expect(reader.next()).toBeUndefined();
    const unknown = hex('7a 00'.repeat(257));
    expect(refusal(() => new BatchReader(unknown, 0, unknown.length).next())).toContain(tooManyFields(512));
  });

  it('gives the messages before the fault, then refuses', () => {
    const bytes = hex('0a 02 08 01  12 01 00  0a 02 08 05  0a 03 08 01');
    const reader = new BatchReader(bytes, 0, bytes.length);
    expect(reader.next()?.type).toBe(1);
    expect(reader.next()?.type).toBe(5);
    expect(refusal(() => reader.next())).toBe(
      'The message can not be read: messages at byte 12 is cut off: 3 bytes announced, 2 left.',
    );
  });

  it('refuses messages of the wrong wire type, and a message that runs over its length', () => {
    const wrong = hex('08 01');
    expect(refusal(() => new BatchReader(wrong, 0, 2).next())).toMatch(
      /messages at byte 0 has the wrong wire type/,
    );
    const over = hex('0a 02 18 ff 01');
    expect(refusal(() => new BatchReader(over, 0, 5).next())).toMatch(/sequence at byte 3 is cut off/);
  });
});
