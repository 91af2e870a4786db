import { describe, expect, test } from 'vitest';
import type { Framing } from '../../../src/transport/framing.js';
import { framesAround, hasLargePayload } from '../../../src/transport/grpc/large-payloads.js';
import { type DataMessage, dataMessage } from '../../../src/wire/messages.js';
import { decodeFrames } from '../../helpers/decode-frames.js';

const MAX_BYTES = 5 << 20;
const LARGE = 32 * 1024;

function messageOf(bytes: number, index: number): DataMessage {
  return dataMessage({
    type: 1,
    sessionId: 'ü€𝄞',
    sequence: index + 1,
    ack: 300,
    timestampMs: 1_700_000_000_000,
    data: new Uint8Array(bytes).fill(index + 1),
    metadata: new Map([['name', 'v'.repeat(200)]]),
    key: 'key',
    more: index % 2 === 0,
    control: { action: 'pause', reason: 'r' },
    ttlMs: 9,
  });
}

describe.each<Framing>(['message', 'batch'])('framesAround, %s', (method) => {
  test.each([
    ['the smallest', [LARGE]],
    ['one that is larger than any batch', [2_000_000]],
    ['between small ones', [10, LARGE, 10]],
    ['two', [300_000, 300_000]],
    ['several, and one that is empty', [LARGE, LARGE + 1, 10, 0, LARGE]],
    ['behind more than a batch of small ones', [...Array.from({ length: 1_500 }, () => 5), LARGE]],
    ['more than a batch of them', Array.from({ length: 20 }, () => 50_000)],
  ])('says the same as was given, in order: %s', (_, sizes) => {
    const messages = sizes.map(messageOf);
    const found = decodeFrames(
      method,
      Buffer.concat(framesAround(method, messages, MAX_BYTES)),
      MAX_BYTES,
    ).messages;
    expect(found.length).toBe(messages.length);
    for (const [index, message] of found.entries()) {
      const { data, ...rest } = messages[index]!;
      const { data: foundData, ...foundRest } = message;
      expect(foundRest).toEqual(rest);
      expect(Buffer.compare(foundData, data)).toBe(0);
    }
  });

  test('large payloads are not copied, and all the rest shares one buffer without waste', () => {
    const messages = [100, LARGE, 100, 2 * LARGE, 100].map(messageOf);
    const chunks = framesAround(method, messages, MAX_BYTES);
    const payloads = [messages[1]!.data, messages[3]!.data];
    for (const [index, payload] of payloads.entries()) {
      const chunk = chunks[2 * index + 1]!;
      expect([chunk.buffer === payload.buffer, chunk.length]).toEqual([true, payload.length]);
    }
    expect(chunks).toHaveLength(5);
    const around = new Set([chunks[0], chunks[2], chunks[4]].map((chunk) => chunk!.buffer));
    expect(around.size).toBe(1);
    const [shared] = around;
    const used = chunks[0]!.length + chunks[2]!.length + chunks[4]!.length;
    expect(shared!.byteLength - used).toBeLessThan(100);
  });
});

test('batches are as full as they may be', () => {
  const messages = Array.from({ length: 20 }, (_, index) => messageOf(50_000, index));
  expect(
    decodeFrames('batch', Buffer.concat(framesAround('batch', messages, MAX_BYTES)), MAX_BYTES).frames,
  ).toBe(4);
  expect(
    decodeFrames('batch', Buffer.concat(framesAround('batch', messages, 120_000)), MAX_BYTES).frames,
  ).toBe(10);
});

test('a payload is large by its size, unless it would keep much more than itself', () => {
  const has = (data: Uint8Array): boolean => hasLargePayload([messageOf(1, 0), dataMessage({ data })]);
  expect(has(new Uint8Array(LARGE - 1))).toBe(false);
  expect(has(new Uint8Array(LARGE))).toBe(true);
  expect(has(new Uint8Array(2 * LARGE).subarray(LARGE))).toBe(true);
  expect(has(new Uint8Array(2 * LARGE + 1).subarray(LARGE + 1))).toBe(false);
  // Then it is copied, like all that is small.
  const view = new Uint8Array(4 * LARGE).subarray(LARGE, 2 * LARGE);
  const chunks = framesAround('message', [messageOf(LARGE, 0), dataMessage({ data: view })], MAX_BYTES);
  expect(chunks.every((chunk) => chunk.buffer !== view.buffer)).toBe(true);
});
