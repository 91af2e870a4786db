import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import {
  decodeIngestSummary,
  decodePublishRequest,
  decodePublishResponse,
  decodeSubscribeRequest,
} from '../../../src/wire/topic-codec.js';

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

const minusOne = 'ff ff ff ff ff ff ff ff ff 01';
const entry = '22 06 0a 01 61 12 01 62';
const aggregate = '22 0c 0a 01 61 11 00 00 00 00 00 00 f0 3f';

const bad: readonly [name: string, decode: (bytes: Uint8Array) => unknown, bytes: string, message: string][] =
  [
    [
      'a topic cut off',
      decodeSubscribeRequest,
      '0a 05 61',
      'topic at byte 1 is cut off: 5 bytes announced, 1 left',
    ],
    [
      'a negative position',
      decodeSubscribeRequest,
      `10 ${minusOne}`,
      'after_sequence at byte 1 is not within 0 to 2^53-1',
    ],
    [
      'a topic as a number',
      decodeSubscribeRequest,
      '08 01',
      'topic at byte 0 has the wrong wire type, varint',
    ],
    ['a topic that is no text', decodePublishRequest, '0a 01 ff', 'topic at byte 2 is not valid UTF-8'],
    [
      'metadata as a number',
      decodePublishRequest,
      '20 01',
      'metadata at byte 0 has the wrong wire type, varint',
    ],
    [
      '65 entries of metadata',
      decodePublishRequest,
      entry.repeat(65),
      'metadata at byte 512 has more than 64 entries',
    ],
    [
      'a sequence of 2^53',
      decodePublishResponse,
      '08 80 80 80 80 80 80 80 10',
      'sequence at byte 1 is not within 0 to 2^53-1',
    ],
    [
      'half a double',
      decodeIngestSummary,
      '22 05 11 00 00 00 00',
      'aggregates value at byte 3 is cut off: 8 bytes announced, 4 left',
    ],
    [
      'an aggregate as a whole number',
      decodeIngestSummary,
      '22 02 10 01',
      'aggregates value at byte 2 has the wrong wire type, varint',
    ],
    [
      '65 aggregates',
      decodeIngestSummary,
      aggregate.repeat(65),
      'aggregates at byte 896 has more than 64 entries',
    ],
    [
      '257 fields',
      decodeIngestSummary,
      '08 01'.repeat(257),
      'a field tag at byte 512 is number 257 of the message; at most 256 are accepted',
    ],
  ];

describe('the codec of the topic messages', () => {
  it.each(bad)('refuses %s', (_, decode, bytes, message) => {
    const refusal = (): unknown => decode(hex(bytes));
    expect(refusal).toThrow(SluiceError);
    expect(refusal).toThrow(`The message can not be read: ${message}.`);
  });

  it('takes what is at those limits', () => {
    expect(decodePublishRequest(hex(entry.repeat(64))).metadata).toEqual(new Map([['a', 'b']]));
    expect(decodeIngestSummary(hex(aggregate.repeat(64))).aggregates).toEqual(new Map([['a', 1]]));
  });
});
