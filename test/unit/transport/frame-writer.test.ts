import { describe, expect, test } from 'vitest';
import type { Framing } from '../../../src/transport/framing.js';
import { FrameWriter } from '../../../src/transport/grpc/frame-writer.js';
import { encodeBodies } from '../../../src/transport/bodies.js';
import { type DataMessage, dataMessage } from '../../../src/wire/messages.js';
import { decodeFrames } from '../../helpers/decode-frames.js';

function messagesOf(count: number, bytes: number): DataMessage[] {
  return Array.from({ length: count }, (_, index) =>
    dataMessage({ sessionId: 'ü€𝄞', sequence: index + 1, data: new Uint8Array(bytes).fill(index) }),
  );
}

describe.each<Framing>(['message', 'batch'])('%s', (method) => {
  test.each([
    [1, 0],
    [1, 100],
    [50, 300],
    [1, 70_000],
    [1_024, 10],
    [3_000, 10],
    [3, 300_000],
  ])('%d messages of %d bytes', (count, bytes) => {
    const messages = messagesOf(count, bytes);
    for (const apart of [false, true]) {
      const found = decodeFrames(method, new FrameWriter(5 << 20).frame(method, messages, apart)).messages;
      expect(found.map(({ sequence, sessionId }) => [sequence, sessionId])).toEqual(
        messages.map(({ sequence, sessionId }) => [sequence, sessionId]),
      );
      expect(found.every((message, index) => Buffer.from(messages[index]!.data).equals(message.data))).toBe(
        true,
      );
    }
  });

  test('chunks written one after another do not overlap', () => {
    const writer = new FrameWriter(5 << 20);
    const chunks = Array.from({ length: 1_000 }, (_, index) =>
      writer.frame(method, [dataMessage({ sequence: index + 1, data: Buffer.alloc(index, index) })], false),
    );
    expect(chunks.map((chunk) => decodeFrames(method, chunk).messages[0]!.sequence)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index + 1),
    );
    const slabs = new Set(chunks.map((chunk) => chunk.buffer));
    expect(slabs.size).toBeLessThan(15);
  });

  test('a chunk apart shares its memory with nobody and wastes little', () => {
    const writer = new FrameWriter(5 << 20);
    const chunk = writer.frame(method, messagesOf(2, 10), true);
    expect(chunk.buffer.byteLength).toBeLessThan(500);
    const text = writer.frame(method, [dataMessage({ key: 'x'.repeat(1_000_000) })], false);
    expect(text.buffer.byteLength).toBe(text.length);
  });
});

test('a batch holds at most 1,024 messages and, unless it is a single one, 256 KiB', () => {
  const frames = (count: number, bytes: number, maxMessageBytes = 5 << 20) =>
    decodeFrames('batch', new FrameWriter(maxMessageBytes).frame('batch', messagesOf(count, bytes), false))
      .frames;
  expect(frames(1_024, 1)).toBe(1);
  expect(frames(1_025, 1)).toBe(2);
  expect(frames(3, 300_000)).toBe(3);
  // Or what one message may be, where that is less.
  expect(frames(10, 10_000, 32_768)).toBe(4);
  expect(
    encodeBodies('batch', messagesOf(100, 10_000), 5 << 20).every((body) => body.length <= 256 * 1024),
  ).toBe(true);
});

test('no messages make no frame', () => {
  expect(new FrameWriter(5 << 20).frame('batch', [], false).length).toBe(0);
  expect(encodeBodies('batch', [], 5 << 20)).toEqual([]);
});
