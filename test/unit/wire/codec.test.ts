import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, messageSize } from '../../../src/wire/codec.js';
import { controlMessage, type DataMessage, dataMessage, EMPTY_BYTES } from '../../../src/wire/messages.js';

function encode(message: DataMessage): Uint8Array {
  const bytes = new Uint8Array(messageSize(message));
  expect(encodeMessage(message, bytes, 0)).toBe(bytes.length);
  return bytes;
}

function hexOf(message: DataMessage): string {
  return Buffer.from(encode(message)).toString('hex');
}

function decodeHex(text: string): DataMessage {
  const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex');
  return decodeMessage(bytes, 0, bytes.length);
}

describe('encodeMessage', () => {
  it('leaves defaults out but says DATA', () => {
    expect(hexOf(dataMessage({}))).toBe('0801');
    expect(hexOf(dataMessage({ type: 0 }))).toBe('');
  });

  it('writes the fields in the order of their numbers', () => {
    const message = dataMessage({
      sessionId: 's',
      sequence: 1,
      ack: 300,
      timestampMs: 2 ** 40,
      data: new Uint8Array([9]),
      metadata: new Map([['a', '']]),
      key: 'é',
      more: true,
      control: { action: 'close' },
      ttlMs: 5,
    });
    expect(hexOf(message)).toBe(
      '08011201731801' +
        '20ac02' +
        '28808080808020' +
        '320109' +
        '3a030a0161' +
        '4202c3a9' +
        '4801' +
        '52022200' +
        '5805',
    );
  });

  it('keeps every number within its field, so that no peer must refuse it', () => {
    const read = (fields: Partial<DataMessage>): DataMessage => {
      const bytes = encode(dataMessage(fields));
      return decodeMessage(bytes, 0, bytes.length);
    };
    expect(read({ ttlMs: 2 ** 40 }).ttlMs).toBe(2 ** 32 - 1);
    expect(read({ ttlMs: 1.9 }).ttlMs).toBe(1);
    expect(read({ ttlMs: -1 }).ttlMs).toBe(0);
    expect(read({ ttlMs: Number.NaN }).ttlMs).toBe(0);
    expect(read({ sequence: Number.POSITIVE_INFINITY }).sequence).toBe(Number.MAX_SAFE_INTEGER);
    expect(read({ timestampMs: 2 ** 40 + 0.5 }).timestampMs).toBe(2 ** 40);
    expect(read({ type: 2 ** 35 }).type).toBe(2 ** 31 - 1);
    const bytes = encode(
      controlMessage({ action: 'throttle', retryAfterMs: 2 ** 33, scope: '', reason: '' }),
    );
    expect(decodeMessage(bytes, 0, bytes.length).control).toMatchObject({ retryAfterMs: 2 ** 32 - 1 });
  });

  it('writes a lone surrogate as U+FFFD, short and long', () => {
    for (const padding of ['', 'x'.repeat(100)]) {
      const bytes = encode(dataMessage({ key: `${padding}\uD800`, sessionId: `\uDC00${padding}` }));
      const read = decodeMessage(bytes, 0, bytes.length);
      expect(read.key).toBe(`${padding}\uFFFD`);
      expect(read.sessionId).toBe(`\uFFFD${padding}`);
    }
  });

  it('writes an unknown action as a control without one', () => {
    expect(hexOf(controlMessage({ action: 'unknown', field: 77 }))).toBe('08035200');
  });
});

describe('decodeMessage', () => {
  it('gives every field a value, in one shape', () => {
    expect(decodeHex('')).toEqual({
      type: 0,
      sessionId: '',
      sequence: 0,
      ack: 0,
      timestampMs: 0,
      data: EMPTY_BYTES,
      metadata: undefined,
      key: '',
      more: false,
      control: undefined,
      ttlMs: 0,
    });
    expect(Object.keys(decodeHex('0801'))).toEqual(Object.keys(dataMessage({})));
  });

  it('gives views of the buffer, not copies', () => {
    const buffer = Buffer.from('3203010203', 'hex');
    const { data } = decodeMessage(buffer, 0, buffer.length);
    buffer[2] = 7;
    expect([...data]).toEqual([7, 2, 3]);
    expect(data.buffer).toBe(buffer.buffer);
  });

  it('passes over unknown fields of every wire type', () => {
    const unknown = '70 ffffffffffffffffff01  71 0102030405060708  72 03 616263  75 01020304  c2 3e 01 61';
    expect(decodeHex(`${unknown} 18 07 ${unknown} 42 01 6b ${unknown}`)).toMatchObject({
      sequence: 7,
      key: 'k',
    });
    const nested = unknown.replaceAll(' ', '');
    const length = (nested.length / 2).toString(16).padStart(2, '0');
    expect(decodeHex(`3a ${length} ${nested}`).metadata).toEqual(new Map([['', '']]));
    expect(decodeHex(`52 ${length} ${nested}`).control).toEqual({ action: 'unknown', field: 1000 });
  });

  it('takes the last of a repeated field and the last entry of a metadata name', () => {
    expect(decodeHex('18 01 18 02 42 01 61 42 01 62 32 01 01 32 00')).toMatchObject({
      sequence: 2,
      key: 'b',
      data: EMPTY_BYTES,
    });
    expect(decodeHex('3a 06 0a 01 61 12 01 62  3a 06 0a 01 61 12 01 63').metadata).toEqual(
      new Map([['a', 'c']]),
    );
  });

  it('takes the last of several actions, and what is unknown only when nothing is known', () => {
    expect(decodeHex('52 04 22 00 3a 00').control).toEqual({ action: 'resume' });
    expect(decodeHex('52 02 22 00 52 02 3a 00').control).toEqual({ action: 'resume' });
    expect(decodeHex('52 05 22 00 f2 01 00').control).toEqual({ action: 'close' });
    expect(decodeHex('52 03 f2 01 00').control).toEqual({ action: 'unknown', field: 30 });
    expect(decodeHex('52 00').control).toEqual({ action: 'unknown', field: 0 });
  });

  it('reads varints longer than they need be, and 32-bit fields by their low bits', () => {
    expect(decodeHex('18 81 80 80 80 80 80 80 80 80 00').sequence).toBe(1);
    expect(decodeHex('98 00 05').sequence).toBe(5);
    expect(decodeHex('18 ff ff ff ff ff ff ff 0f').sequence).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeHex('58 ff ff ff ff ff ff ff ff ff 01').ttlMs).toBe(2 ** 32 - 1);
    expect(decodeHex('58 85 80 80 80 10').ttlMs).toBe(5);
    expect(decodeHex('08 ff ff ff ff ff ff ff ff ff 01').type).toBe(-1);
    expect(decodeHex('48 80 80 80 80 80 01').more).toBe(true);
    expect(decodeHex('48 80 80 80 80 10').more).toBe(true);
    expect(decodeHex('48 80 80 00').more).toBe(false);
  });

  it('takes 64 metadata entries', () => {
    const entries = Array.from(
      { length: 64 },
      (_, index) => `3a 04 0a 02 ${Buffer.from(String(index + 10)).toString('hex')}`,
    );
    expect(decodeHex(entries.join('')).metadata?.size).toBe(64);
  });
});
