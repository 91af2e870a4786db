import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { decodeBase64, encodeBase64 } from '../../../src/wire/base64.js';
import { batchFromJson, messageFromJson, messageToJson } from '../../../src/wire/json-codec.js';
import { publishRequestFromJson, ingestSummaryFromJson } from '../../../src/wire/json-topic-codec.js';
import { controlMessage, dataMessage, openControl } from '../../../src/wire/messages.js';

/** The refusal, as a client would be told, without what all begin with. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    expect((error as SluiceError).code).toBe('INVALID_MESSAGE');
    return (error as SluiceError).message.replace('The message can not be read: ', '');
  }
  throw new Error('was taken');
}

describe('a message as JSON', () => {
  it('names things as proto3 JSON does, and leaves defaults out', () => {
    const message = dataMessage({
      sessionId: 'a "b"',
      sequence: 2 ** 53 - 1,
      ack: 7,
      timestampMs: 1_700_000_000_000,
      data: Buffer.from([0xfb, 0xff, 0]),
      metadata: new Map([['k', 'v']]),
      more: true,
      ttlMs: 5,
    });
    expect(messageToJson(message)).toBe(
      '{"type":"MESSAGE_TYPE_DATA","sessionId":"a \\"b\\"","sequence":"9007199254740991","ack":"7",' +
        '"timestampMs":"1700000000000","data":"+/8A","metadata":{"k":"v"},"more":true,"ttlMs":5}',
    );
    expect(messageToJson(dataMessage({ type: 0 }))).toBe('{}');
    expect(messageToJson(dataMessage({ type: 77 }))).toBe('{"type":77}');
    expect(
      messageToJson(
        controlMessage(openControl({ route: 'echo', overflow: 2, attempt: 3, resume: true }), 's'),
      ),
    ).toBe(
      '{"type":"MESSAGE_TYPE_CONTROL","sessionId":"s","control":{"open":{"route":"echo",' +
        '"overflow":"OVERFLOW_POLICY_DROP_OLDEST","resume":true,"attempt":"3"}}}',
    );
    expect(messageToJson(controlMessage({ action: 'close' }))).toBe(
      '{"type":"MESSAGE_TYPE_CONTROL","control":{"close":{}}}',
    );
  });

  it('writes half a character as U+FFFD, as UTF-8 has it', () => {
    expect(messageToJson(dataMessage({ key: 'a\ud800b' }))).toContain('"key":"a\uFFFDb"');
    expect(messageToJson(dataMessage({ key: String.raw`\ud800` }))).toContain(String.raw`"\\ud800"`);
  });

  it.each([
    ['the names of the proto', '{"session_id":"s","timestamp_ms":"5","ttl_ms":6}'],
    ['numbers where strings are written', '{"sessionId":"s","timestampMs":5,"ttlMs":"6"}'],
    [
      'null for what is not there',
      '{"sessionId":"s","timestampMs":5.0,"ttlMs":6e0,"data":null,"control":null}',
    ],
  ])('reads %s', (_, text) => {
    expect(messageFromJson(text)).toEqual(dataMessage({ type: 0, sessionId: 's', timestampMs: 5, ttlMs: 6 }));
  });

  it('reads base64 of both alphabets, padded or not', () => {
    for (const data of ['+/8A', '-_8A', '-/8A']) {
      expect(Buffer.from(messageFromJson(`{"data":"${data}"}`).data)).toEqual(Buffer.from([0xfb, 0xff, 0]));
    }
    for (const data of ['YQ==', 'YQ']) {
      expect(Buffer.from(messageFromJson(`{"data":"${data}"}`).data).toString()).toBe('a');
    }
  });

  it('reads types and policies by number', () => {
    const text = '{"type":3,"control":{"open":{"overflow":4}}}';
    expect(messageFromJson(text)).toMatchObject({ type: 3, control: { action: 'open', overflow: 4 } });
    expect(messageFromJson('{"control":{}}').control).toEqual({ action: 'unknown', field: 0 });
  });

  it.each([
    ['{', 'the message is not JSON'],
    ['', 'the message is not JSON'],
    ['[]', 'the message is an array, not an object'],
    ['"x"', 'the message is "x", not an object'],
    ['{"sesion_id":"x"}', 'the message has a field "sesion_id", which is not known'],
    ['{"__proto__":{}}', 'the message has a field "__proto__", which is not known'],
    ['{"sessionId":"a","session_id":"b"}', 'the message has the field sessionId twice, as session_id too'],
    ['{"sessionId":5}', 'sessionId is 5: it has to be a string'],
    ['{"key":"\\ud800"}', 'key holds half a surrogate pair: it is not valid Unicode'],
    ['{"sequence":-1}', 'sequence is -1: it has to be a whole number, 0 to 2^53-1'],
    ['{"sequence":1.5}', 'sequence is 1.5: it has to be a whole number, 0 to 2^53-1'],
    ['{"sequence":"9007199254740992"}', 'sequence is "9007199254740992": it has to be a whole number'],
    ['{"sequence":9007199254740993}', 'sequence is 9007199254740992: it has to be a whole number'],
    ['{"sequence":"1e3"}', 'sequence is "1e3": it has to be a whole number, 0 to 2^53-1'],
    ['{"sequence":true}', 'sequence is true: it has to be a whole number, 0 to 2^53-1'],
    ['{"ttlMs":4294967296}', 'ttlMs is 4294967296: it has to be a whole number, 0 to 2^32-1'],
    ['{"more":"true"}', 'more is "true": it has to be true or false'],
    ['{"data":"a"}', 'data is a string: it has to be base64'],
    ['{"data":"a===" }', 'data is a string: it has to be base64'],
    ['{"data":"YQ="}', 'data is a string: it has to be base64'],
    ['{"data":"Y Q="}', 'data is a string: it has to be base64'],
    ['{"data":[1,2]}', 'data is an array: it has to be base64'],
    ['{"type":"DATA"}', 'type is "DATA": it has to be one of MESSAGE_TYPE_UNSPECIFIED, MESSAGE_TYPE_DATA'],
    ['{"type":-1}', 'type is -1: it has to be one of MESSAGE_TYPE_UNSPECIFIED'],
    ['{"metadata":{"a":1}}', 'metadata["a"] is 1: it has to be a string'],
    ['{"metadata":{"a":null}}', 'metadata["a"] is null: it has to be a string'],
    ['{"control":{"opn":{}}}', 'control has a field "opn", which is not known'],
    ['{"control":{"open":{"rout":"x"}}}', 'control.open has a field "rout", which is not known'],
    [
      '{"control":{"open":{},"close":{}}}',
      'control holds two actions, open and close: one is all there may be',
    ],
    ['{"control":{"open":5}}', 'control.open is 5, not an object'],
    [
      '{"control":{"open":{"resumeToken":"?secret"}}}',
      'control.open.resumeToken is a string: it has to be base64',
    ],
    [
      '{"control":{"authenticate":{"token":{"a":1}}}}',
      'control.authenticate.token is an object: it has to be',
    ],
  ])('refuses %s', (text, why) => {
    expect(refusal(() => messageFromJson(text))).toContain(why);
  });

  it('never quotes what may be a token', () => {
    for (const text of ['{"control":{"authenticate":{"token":"s3cret"', '{"data":"s3cret?"}']) {
      expect(refusal(() => messageFromJson(text))).not.toContain('s3cret');
    }
  });

  it('bounds what it reads: metadata, batches, values in all', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, 'v']));
    expect(refusal(() => messageFromJson(JSON.stringify({ metadata: many })))).toContain(
      'metadata has more than 64 entries',
    );
    const batch = { messages: Array.from({ length: 1_025 }, () => ({})) };
    expect(refusal(() => batchFromJson(JSON.stringify(batch)))).toContain(
      'messages has 1025 entries; at most 1024 are accepted',
    );
    const flood = `{"metadata":[${'{},'.repeat(20_000)}{}]}`;
    expect(refusal(() => messageFromJson(flood))).toContain('the message has more than 256 values');
    // What stands in strings is no value.
    const long = JSON.stringify({ key: '{,[\\"'.repeat(10_000) });
    expect(messageFromJson(long).key).toHaveLength(50_000);
    expect(batchFromJson(JSON.stringify({ messages: batch.messages.slice(1) }))).toHaveLength(1_024);
  });

  it('names the message of a batch', () => {
    expect(refusal(() => batchFromJson('{"messages":[{},{"sequence":"x"}]}'))).toContain(
      'messages[1].sequence is "x"',
    );
    expect(refusal(() => batchFromJson('{"messages":{}}'))).toContain('messages is not an array');
    expect(batchFromJson('{}')).toEqual([]);
  });

  it('reads what topics are told, as strictly', () => {
    expect(publishRequestFromJson('{"topic":"r/s","idempotency_key":"i","metadata":{}}')).toMatchObject({
      topic: 'r/s',
      idempotencyKey: 'i',
      metadata: undefined,
    });
    expect(refusal(() => publishRequestFromJson('{"topc":""}'))).toContain('"topc", which is not known');
    const { aggregates } = ingestSummaryFromJson(
      '{"aggregates":{"a":"NaN","b":-0,"c":"-Infinity","d":"1.5e3"}}',
    );
    expect([...aggregates]).toEqual([
      ['a', NaN],
      ['b', -0],
      ['c', -Infinity],
      ['d', 1_500],
    ]);
    expect(refusal(() => ingestSummaryFromJson('{"aggregates":{"a":"x"}}'))).toContain(
      'aggregates["a"] is "x": it has to be a number',
    );
  });
});

describe('base64', () => {
  it('is that of every length, also where there is no Buffer', async () => {
    const { Buffer: kept } = globalThis;
    const { vi } = await import('vitest');
    vi.resetModules();
    vi.stubGlobal('Buffer', undefined);
    const plain = await import('../../../src/wire/base64.js');
    vi.unstubAllGlobals();
    for (let length = 0; length < 40; length += 1) {
      const bytes = kept.from(Array.from({ length }, (_, n) => (n * 97 + length * 31) % 256));
      const text = bytes.toString('base64');
      expect(encodeBase64(bytes)).toBe(text);
      expect(plain.encodeBase64(bytes)).toBe(text);
      for (const form of [text, bytes.toString('base64url')]) {
        expect(kept.from(decodeBase64(form) ?? [])).toEqual(bytes);
        expect(kept.from(plain.decodeBase64(form) ?? [])).toEqual(bytes);
      }
    }
  });
});
