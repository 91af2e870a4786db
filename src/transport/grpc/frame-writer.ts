import { batchSize, encodeBatch, encodedBound, encodeMessage, messageSize } from '../../wire/codec.js';
import { type DataMessage, MAX_BATCH_MESSAGES } from '../../wire/messages.js';
import type { StreamMethod } from '../contract.js';
import { PREFIX_BYTES } from './frame-reader.js';

const SLAB_BYTES = 64 * 1024;
/**
 * A batch is split at this size (a larger message goes alone): most clients
 * refuse what is over 4 MiB, and a frame is decoded in one go at the far end.
 */
const MAX_BATCH_BYTES = 256 * 1024;
/** Tag and length of one message within a batch. */
const ENTRY_BOUND = 6;

/**
 * Encodes messages straight behind their gRPC prefixes into slabs that all
 * streams of a server share: one allocation for some 200 small messages.
 */
export class FrameWriter {
  #slab: Buffer = Buffer.alloc(0);
  #offset = 0;

  /**
   * All messages as one chunk, ready for the network: a frame a message for
   * StreamData, as few as the limits of a batch allow for StreamBatches.
   * `apart` gives the chunk memory of its own: for a stream that is backed up,
   * which would else keep whole slabs alive for its few bytes in each.
   */
  frame(method: StreamMethod, messages: readonly DataMessage[], apart: boolean): Buffer {
    let bound = 0;
    for (const message of messages) bound += PREFIX_BYTES + ENTRY_BOUND + encodedBound(message);
    if (apart || bound > SLAB_BYTES) {
      const own = Buffer.allocUnsafeSlow(bound);
      const end = encodeFrames(method, messages, own, 0);
      // Bounds count three bytes a character: a chunk of text may be a third of them.
      return bound - end > SLAB_BYTES ? copyOf(own, end) : own.subarray(0, end);
    }
    if (this.#slab.length - this.#offset < bound) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset = encodeFrames(method, messages, this.#slab, start);
    return this.#slab.subarray(start, this.#offset);
  }
}

function copyOf(buffer: Buffer, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  buffer.copy(copy, 0, 0, length);
  return copy;
}

function encodeFrames(
  method: StreamMethod,
  messages: readonly DataMessage[],
  target: Buffer,
  offset: number,
): number {
  let position = offset;
  if (method === 'StreamData') {
    for (const message of messages) {
      const body = position + PREFIX_BYTES;
      const end = encodeMessage(message, target, body);
      writePrefix(target, position, end - body);
      position = end;
    }
    return position;
  }
  let from = 0;
  while (from < messages.length) {
    const to = batchEnd(messages, from);
    const batch = from === 0 && to === messages.length ? messages : messages.slice(from, to);
    const body = position + PREFIX_BYTES;
    const end = encodeBatch(batch, target, body);
    writePrefix(target, position, end - body);
    position = end;
    from = to;
  }
  return position;
}

/** How far the batch that begins at `from` reaches: at least one message. */
function batchEnd(messages: readonly DataMessage[], from: number): number {
  let bytes = 0;
  let to = from;
  const limit = Math.min(messages.length, from + MAX_BATCH_MESSAGES);
  while (to < limit) {
    bytes += ENTRY_BOUND + encodedBound(messages[to] as DataMessage);
    if (bytes > MAX_BATCH_BYTES && to > from) break;
    to += 1;
  }
  return to;
}

function writePrefix(target: Buffer, offset: number, size: number): void {
  target[offset] = 0;
  target[offset + 1] = size >>> 24;
  target[offset + 2] = size >>> 16;
  target[offset + 3] = size >>> 8;
  target[offset + 4] = size;
}

/** The same frames without prefixes, each in memory of its own: for who writes the prefix himself. */
export function encodeBodies(method: StreamMethod, messages: readonly DataMessage[]): Buffer[] {
  const bodies: Buffer[] = [];
  if (method === 'StreamData') {
    for (const message of messages) {
      const body = Buffer.allocUnsafe(messageSize(message));
      encodeMessage(message, body, 0);
      bodies.push(body);
    }
    return bodies;
  }
  for (let from = 0, to; from < messages.length; from = to) {
    to = batchEnd(messages, from);
    const batch = messages.slice(from, to);
    const body = Buffer.allocUnsafe(batchSize(batch));
    encodeBatch(batch, body, 0);
    bodies.push(body);
  }
  return bodies;
}
