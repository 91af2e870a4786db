import { expect } from 'vitest';
import { BodyReader } from '../../src/transport/bodies.js';
import type { Framing } from '../../src/transport/framing.js';
import { FrameReader } from '../../src/transport/grpc/frame-reader.js';
import type { DataMessage } from '../../src/wire/messages.js';

/** What whole, uncompressed frames say, and how many they are. */
export function decodeFrames(
  framing: Framing,
  bytes: Uint8Array,
  maxMessageBytes = 100_000_000,
): { messages: DataMessage[]; frames: number } {
  const frames = new FrameReader(maxMessageBytes);
  const bodies = new BodyReader(framing);
  let count = 0;
  frames.push(bytes);
  while (frames.next()) {
    expect(frames.compressed).toBe(false);
    bodies.push(frames.buffer!.subarray(frames.start, frames.end));
    count += 1;
  }
  expect(frames.midFrame).toBe(false);
  const messages: DataMessage[] = [];
  expect(bodies.fill(messages, Infinity)).toBeUndefined();
  return { messages, frames: count };
}
