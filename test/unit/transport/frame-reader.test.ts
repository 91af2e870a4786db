import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { FrameReader } from '../../../src/transport/grpc/frame-reader.js';
import { frame } from '../../helpers/raw-http2-call.js';

function errorOf(run: () => unknown): SluiceError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    return error as SluiceError;
  }
  throw new Error('nothing was thrown');
}

/** All messages of the chunks, as [compressed, hex]. */
function readAll(reader: FrameReader, chunks: readonly Uint8Array[]): [boolean, string][] {
  const found: [boolean, string][] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    while (reader.next()) {
      found.push([
        reader.compressed,
        Buffer.from(reader.buffer!.subarray(reader.start, reader.end)).toString('hex'),
      ]);
    }
  }
  return found;
}

describe('FrameReader', () => {
  test('finds the same messages however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 40 })), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map(([compressed, body]) => frame(body, compressed ? 1 : 0)));
          const chunks: Buffer[] = [];
          for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
            const end = at + cuts[cut % cuts.length]!;
            chunks.push(bytes.subarray(at, end));
            at = end;
          }
          const reader = new FrameReader(40);
          expect(readAll(reader, chunks)).toEqual(
            messages.map(([compressed, body]) => [compressed, Buffer.from(body).toString('hex')]),
          );
          expect(reader.midFrame).toBe(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('a message that lies whole in its chunk is not copied', () => {
    const chunk = Buffer.concat([frame(Buffer.alloc(10, 1)), frame(Buffer.alloc(20, 2))]);
    const reader = new FrameReader(100);
    reader.push(chunk);
    expect(reader.next()).toBe(true);
    expect([reader.buffer === chunk, reader.start, reader.end]).toEqual([true, 5, 15]);
    expect(reader.next()).toBe(true);
    expect([reader.buffer === chunk, reader.start, reader.end]).toEqual([true, 20, 40]);
    expect(reader.next()).toBe(false);
    expect(reader.buffer).toBeUndefined();
  });

  test('messages over many chunks do not share memory', () => {
    const bodies = [randomBytes(300_000), randomBytes(300_000)];
    const bytes = Buffer.concat(bodies.map((body) => frame(body)));
    const reader = new FrameReader(1_000_000);
    const found: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 16_384) {
      reader.push(bytes.subarray(at, at + 16_384));
      while (reader.next()) found.push(reader.buffer!.subarray(reader.start, reader.end));
    }
    expect(found.map((body, index) => bodies[index]!.equals(body))).toEqual([true, true]);
  });

  test('a message is given room as it comes, and once the sender has kept its word, at once', () => {
    const reader = new FrameReader(10_000_000);
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    onTestFinished(() => {
      allocate.mockRestore();
    });
    /** The rooms that the message was given, one after the other; what is held of it meanwhile has its bound. */
    const roomsFor = (bytes: number): number[] => {
      const whole = frame(Buffer.alloc(bytes));
      allocate.mockClear();
      for (let at = 0; at < whole.length; at += 16_384) {
        readAll(reader, [Buffer.from(whole.subarray(at, at + 16_384))]);
        // Twice what has come, or 64 KiB, whatever was announced.
        expect(reader.heldBytes).toBeLessThanOrEqual(Math.max(65_536, 2 * (at + 16_384)));
      }
      return allocate.mock.calls.map(([room]) => room);
    };
    expect(roomsFor(300_000)).toEqual([65_536, 131_072, 262_144, 300_000]);
    expect(roomsFor(300_000)).toEqual([300_000]);
    // As much again as was sent before.
    expect(roomsFor(5_000_000)).toEqual([600_000, 1_200_000, 2_400_000, 4_800_000, 5_000_000]);
    expect(roomsFor(100_000)).toEqual([100_000]);
    expect(roomsFor(10_000_000)).toEqual([10_000_000]);
    expect(new FrameReader(10_000_000).heldBytes).toBe(0);
  });

  test('knows whether it is within a message', () => {
    const bytes = frame(Buffer.alloc(3));
    for (let length = 0; length <= bytes.length; length += 1) {
      const reader = new FrameReader(10);
      readAll(reader, [bytes.subarray(0, length)]);
      expect(reader.midFrame, `${length} bytes`).toBe(length > 0 && length < bytes.length);
    }
  });

  test.each([
    [[0, 0, 0, 0, 11], 11],
    [[1, 0xff, 0xff, 0xff, 0xff], 4_294_967_295],
    [[0, 0x80, 0, 0, 0], 2_147_483_648],
  ])('a length over the limit is refused at once, whole or byte by byte', (prefix, size) => {
    for (const chunks of [[Buffer.from(prefix)], prefix.map((byte) => Buffer.from([byte]))]) {
      const error = errorOf(() => readAll(new FrameReader(10), chunks));
      expect(error.code).toBe('MESSAGE_TOO_LARGE');
      expect(error.message).toBe(
        `A message of ${size} bytes is over the limit of 10 bytes (server.maxMessageSize).`,
      );
    }
  });

  test('a compressed flag other than 0 and 1 is refused', () => {
    const error = errorOf(() => readAll(new FrameReader(10), [frame(Buffer.alloc(1), 2)]));
    expect(error.code).toBe('INVALID_MESSAGE');
  });

  test('forgets what it had begun', () => {
    const reader = new FrameReader(100);
    readAll(reader, [frame(Buffer.alloc(50)).subarray(0, 20)]);
    reader.clear();
    expect(reader.midFrame).toBe(false);
    expect(readAll(reader, [frame(Buffer.from([9]))])).toEqual([[false, '09']]);
  });
});
