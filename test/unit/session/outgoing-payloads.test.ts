import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutgoingPayloads } from '../../../src/session/windowed/outgoing-payloads.js';
import type { Payload } from '../../../src/session/windowed/waiting-sends.js';
import { messageSize } from '../../../src/wire/codec.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';

const LIMITS = { maxMessageBytes: 2_048, collected: { messages: 4, bytes: 3_000 } };
/** The highest there are: what a piece weighs on the wire must not depend on how far a session has come. */
const HIGHEST = { sequence: Number.MAX_SAFE_INTEGER, ack: Number.MAX_SAFE_INTEGER };

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7) % 251);
}

function onWire(message: DataMessage): number {
  return messageSize({ ...message, ...HIGHEST });
}

function joinedData(payload: Payload): number[] {
  return payload.flatMap(({ data }) => [...data]);
}

describe('OutgoingPayloads', () => {
  it('leaves alone what fits one message', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    const message = dataMessage({ sessionId: 's', data: bytes(1_900), key: 'k' });
    expect(payloads.next(message)).toEqual([message]);
    expect(payloads.bytes).toBe(0);
  });

  it('ends what it begins, however close to the limit: only the last has no `more`', () => {
    for (let length = 1_900; length <= 2_100; length += 1) {
      const data = bytes(length);
      const payload = new OutgoingPayloads(LIMITS).next(dataMessage({ sessionId: 's', data }));
      expect(payload?.findIndex(({ more }) => !more)).toBe((payload?.length ?? 0) - 1);
      expect(payload?.every((piece) => onWire(piece) <= LIMITS.maxMessageBytes)).toBe(true);
      expect(payload === undefined ? [] : joinedData(payload)).toEqual([...data]);
    }
  });

  it('splits for the longest session ID there is within the smallest limit that may be configured', () => {
    const limits = { maxMessageBytes: 1_024, collected: { messages: 100, bytes: 1 << 20 } };
    const sessionId = '\u{1f600}'.repeat(128);
    const data = bytes(5_000);
    const payload = new OutgoingPayloads(limits).next(dataMessage({ sessionId, data }));
    expect(payload?.length).toBeLessThanOrEqual(12);
    expect(payload?.every((piece) => onWire(piece) <= 1_024)).toBe(true);
    expect(payload === undefined ? [] : joinedData(payload)).toEqual([...data]);
  });

  it('splits what does not: `more` on all but the last, key, metadata and time to live on the first', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    const metadata = new Map([['a', 'b']]);
    const data = bytes(5_000);
    const fields = { sessionId: 's', timestampMs: 1_700_000_000_000, data, metadata, key: 'k', ttlMs: 9 };
    const payload = payloads.next(dataMessage(fields));
    expect(payload?.map(({ more }) => more)).toEqual([true, true, false]);
    expect(payload?.map(({ key, metadata: own, ttlMs }) => [key, own?.size ?? 0, ttlMs])).toEqual([
      ['k', 1, 9],
      ['', 0, 0],
      ['', 0, 0],
    ]);
    expect(new Set(payload?.map(({ timestampMs, sessionId }) => `${timestampMs} ${sessionId}`)).size).toBe(1);
    expect(payload && joinedData(payload)).toEqual([...data]);
    expect(payloads.bytes).toBe(0);
  });

  it('makes no piece larger than a message may be, numbers included, in whatever script its names are', () => {
    const text = (max: number) =>
      fc
        .array(fc.constantFrom('x', 'é', '語', '😀'), { maxLength: max })
        .map((characters) => characters.join(''));
    fc.assert(
      fc.property(
        fc.record({
          maxMessageBytes: fc.integer({ min: 1_024, max: 4_096 }),
          length: fc.nat(12_000),
          sessionId: text(60),
          key: text(200),
          metadata: fc.array(fc.tuple(text(20), text(60)), { maxLength: 12 }),
          ttlMs: fc.constantFrom(0, 0xffff_ffff),
        }),
        ({ maxMessageBytes, length, metadata, ...fields }) => {
          const payloads = new OutgoingPayloads({ ...LIMITS, maxMessageBytes });
          const data = bytes(length);
          const timestampMs = Number.MAX_SAFE_INTEGER;
          const message = dataMessage({ ...fields, data, metadata: new Map(metadata), timestampMs });
          let payload: Payload | undefined;
          try {
            payload = payloads.next(message);
          } catch (error) {
            // Only where key and metadata alone leave no room.
            expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
            expect(onWire({ ...message, data: bytes(0) })).toBeGreaterThan(maxMessageBytes - 100);
            return;
          }
          for (const piece of payload ?? []) expect(onWire(piece)).toBeLessThanOrEqual(maxMessageBytes);
          expect(payload && joinedData(payload)).toEqual([...data]);
          expect(payload?.map(({ more }) => more)).toEqual(payload?.map((_, i) => i < payload.length - 1));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses metadata that is twice too large on the wire, though not by its count of characters', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    const message = dataMessage({ metadata: new Map([['m', '語'.repeat(1_000)]]) });
    expect(onWire(message)).toBeGreaterThan(LIMITS.maxMessageBytes);
    expect(() => payloads.next(message)).toThrow('the key and metadata of a message');
  });

  it('does not split what just fits', () => {
    const { maxMessageBytes } = LIMITS;
    const payloads = new OutgoingPayloads(LIMITS);
    const lengths = Array.from({ length: 200 }, (_, i) => maxMessageBytes - 199 + i);
    const pieces = lengths.map((length) => payloads.next(dataMessage({ data: bytes(length) }))?.length ?? 0);
    // One step, from 1 to 2, at most as far below the limit as the numbers may weigh.
    expect(pieces.indexOf(2)).toBeGreaterThan(150);
    expect(new Set(pieces.slice(pieces.indexOf(2)))).toEqual(new Set([2]));
  });

  it('collects the pieces a route sends one by one, and gives them at once', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    const pieces = [true, true, false].map((more, i) => dataMessage({ data: bytes(100 + i), more }));
    expect(payloads.next(pieces[0]!)).toBeUndefined();
    expect(payloads.bytes).toBe(100);
    expect(payloads.next(pieces[1]!)).toBeUndefined();
    expect(payloads.bytes).toBe(201);
    expect(payloads.next(pieces[2]!)).toEqual(pieces);
    expect(payloads.bytes).toBe(0);
  });

  it('holds no more of an unfinished payload than may wait: the send that is too much fails, and the rest of it', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    const piece = (more: boolean) => dataMessage({ data: bytes(1_000), more });
    for (let i = 0; i < 3; i += 1) payloads.next(piece(true));
    expect(payloads.bytes).toBe(3_000);
    expect(() => payloads.next(piece(true))).toThrow(
      expect.objectContaining({
        code: 'MESSAGE_TOO_LARGE',
        message: expect.stringMatching('session.waitingSize'),
      }),
    );
    expect(payloads.bytes).toBe(0);
    // Its rest is not a payload of its own.
    expect(() => payloads.next(piece(true))).toThrow('server.maxMessageSize = 2048');
    expect(() => payloads.next(piece(false))).toThrow('server.maxMessageSize = 2048');
    expect(payloads.next(piece(false))).toHaveLength(1);
  });

  it('bounds an unfinished payload in messages, empty ones too', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    for (let i = 0; i < 4; i += 1) payloads.next(dataMessage({ more: true }));
    expect(() => payloads.next(dataMessage({ more: true }))).toThrow('of more than 4 messages');
  });

  it('refuses a piece that is larger than a message may be, and its payload with it', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    payloads.next(dataMessage({ data: bytes(10), more: true }));
    expect(() => payloads.next(dataMessage({ data: bytes(2_100), more: true }))).toThrow(
      'a piece of a payload',
    );
    expect(payloads.bytes).toBe(0);
    expect(() => payloads.next(dataMessage({ data: bytes(10) }))).toThrow('a piece of a payload');
    expect(payloads.next(dataMessage({ data: bytes(10) }))).toHaveLength(1);
  });

  it('refuses key and metadata that leave no room in a message, and goes on', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    expect(() => payloads.next(dataMessage({ key: 'k'.repeat(2_100), data: bytes(3_000) }))).toThrow(
      'the key and metadata of a message',
    );
    expect(payloads.next(dataMessage({ data: bytes(10) }))).toHaveLength(1);
  });

  it('forgets what it holds when it is cleared', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    payloads.next(dataMessage({ data: bytes(10), more: true }));
    payloads.clear();
    expect(payloads.bytes).toBe(0);
    expect(payloads.next(dataMessage({ data: bytes(10) }))).toHaveLength(1);
  });

  it('keeps no network chunk alive for the small part of it that a message is', () => {
    const payloads = new OutgoingPayloads(LIMITS);
    const data = bytes(10_000).subarray(0, 100);
    payloads.next(dataMessage({ data, more: true }));
    const payload = payloads.next(dataMessage({ data }));
    for (const piece of payload ?? []) expect(piece.data.buffer.byteLength).toBe(100);
  });
});
