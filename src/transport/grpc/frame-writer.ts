import { encodeBatch, encodedBound, encodeMessage } from '../../wire/codec.js';
import type { DataMessage } from '../../wire/messages.js';
import { batchEnd, ENTRY_BOUND_BYTES } from '../batch-end.js';
import type { Framing } from '../framing.js';
import { PREFIX_BYTES } from './frame-reader.js';

const SLAB_BYTES = 64 * 1024;
/**
 * Encodes messages straight behind their gRPC prefixes into slabs that all
 * streams of a server share: one allocation for some 200 small messages.
 */
export class FrameWriter {
  readonly #maxMessageBytes: number;
  #slab: Buffer = Buffer.alloc(0);
  #offset = 0;

  /** No batch is larger than `maxMessageBytes`, unless a single message is. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * All messages as one chunk, ready for the network: a frame a message, save
   * for batches, of which there are as few as their limits allow.
   * `apart` gives the chunk memory of its own: for a stream that is backed up,
   * which would else keep whole slabs alive for its few bytes in each.
   */
  frame(framing: Framing, messages: readonly DataMessage[], apart: boolean): Buffer {
    let bound = 0;
    for (const message of messages) bound += PREFIX_BYTES + ENTRY_BOUND_BYTES + encodedBound(message);
    if (apart || bound > SLAB_BYTES) {
      const own = Buffer.allocUnsafeSlow(bound);
      const end = encodeFrames(framing, messages, own, 0, this.#maxMessageBytes);
      // Bounds count three bytes a character: a chunk of text may be a third of them.
      return bound - end > SLAB_BYTES ? copyOf(own, end) : own.subarray(0, end);
    }
    if (this.#slab.length - this.#offset < bound) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset = encodeFrames(framing, messages, this.#slab, start, this.#maxMessageBytes);
    return this.#slab.subarray(start, this.#offset);
  }
}

function copyOf(buffer: Buffer, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  buffer.copy(copy, 0, 0, length);
  return copy;
}

function encodeFrames(
  framing: Framing,
  messages: readonly DataMessage[],
  target: Buffer,
  offset: number,
  maxMessageBytes: number,
): number {
  let position = offset;
  if (framing === 'message') {
    for (const message of messages) {
      const body = position + PREFIX_BYTES;
      const end = encodeMessage(message, target, body);
      writePrefix(target, position, end - body);
      position = end;
    }
    return position;
  }
  if (framing !== 'batch') {
    for (const { data } of messages) {
      writePrefix(target, position, data.length);
      target.set(data, position + PREFIX_BYTES);
      position += PREFIX_BYTES + data.length;
    }
    return position;
  }
  let from = 0;
  while (from < messages.length) {
    const to = batchEnd(messages, from, maxMessageBytes);
    const batch = from === 0 && to === messages.length ? messages : messages.slice(from, to);
    const body = position + PREFIX_BYTES;
    const end = encodeBatch(batch, target, body);
    writePrefix(target, position, end - body);
    position = end;
    from = to;
  }
  return position;
}

export function writePrefix(target: Buffer, offset: number, size: number): void {
  target[offset] = 0;
  target[offset + 1] = size >>> 24;
  target[offset + 2] = size >>> 16;
  target[offset + 3] = size >>> 8;
  target[offset + 4] = size;
}
