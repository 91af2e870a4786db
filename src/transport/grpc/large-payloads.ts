import {
  encodeAllButData,
  encodeBatch,
  encodeEntryButData,
  encodeMessage,
  messageSize,
} from '../../wire/codec.js';
import { pinsLittle, type DataMessage } from '../../wire/messages.js';
import { batchEnd, ENTRY_BOUND_BYTES } from '../batch-end.js';
import type { Framing } from '../framing.js';
import { PREFIX_BYTES } from './frame-reader.js';
import { writePrefix } from './frame-writer.js';

/** From here on a payload goes out from where it lies: to copy it costs more than a chunk of its own. */
const LARGE_PAYLOAD_BYTES = 32 * 1024;

/** Whether these are for `framesAround`. */
export function hasLargePayload(messages: readonly DataMessage[]): boolean {
  for (const message of messages) if (isLargePayload(message)) return true;
  return false;
}

/**
 * The frames of messages with large payloads among them, as `FrameWriter`
 * makes them, in chunks: each of those payloads is one, a view of it that must
 * not change until it has gone, and all that is around them is written into one buffer.
 */
export function framesAround(
  framing: Framing,
  messages: readonly DataMessage[],
  maxMessageBytes: number,
): readonly Buffer[] {
  const target = Buffer.allocUnsafeSlow(sizeAround(messages));
  const chunks: Buffer[] = [];
  let position = 0;
  let from = 0;
  for (let first = 0, next; first < messages.length; first = next) {
    next = framing !== 'batch' ? first + 1 : batchEnd(messages, first, maxMessageBytes);
    const prefix = position;
    let payloadBytes = 0;
    position += PREFIX_BYTES;
    for (const message of messages.slice(first, next)) {
      if (isLargePayload(message)) {
        position = encodeHead(framing, message, target, position);
        const { data } = message;
        chunks.push(target.subarray(from, position), Buffer.from(data.buffer, data.byteOffset, data.length));
        payloadBytes += data.length;
        from = position;
      } else position = encodeOne(framing, message, target, position);
    }
    writePrefix(target, prefix, position - prefix - PREFIX_BYTES + payloadBytes);
  }
  if (position > from) chunks.push(target.subarray(from, position));
  return chunks;
}

function isLargePayload({ data }: DataMessage): boolean {
  return data.length >= LARGE_PAYLOAD_BYTES && pinsLittle(data);
}

function encodeHead(framing: Framing, message: DataMessage, target: Uint8Array, offset: number): number {
  if (framing === 'message') return encodeAllButData(message, target, offset);
  return framing === 'batch' ? encodeEntryButData(message, target, offset) : offset;
}

function encodeOne(framing: Framing, message: DataMessage, target: Uint8Array, offset: number): number {
  if (framing === 'message') return encodeMessage(message, target, offset);
  if (framing === 'batch') return encodeBatch([message], target, offset);
  target.set(message.data, offset);
  return offset + message.data.length;
}

/** What the frames take at most without the large payloads. */
function sizeAround(messages: readonly DataMessage[]): number {
  let size = 0;
  for (const message of messages) {
    size += PREFIX_BYTES + ENTRY_BOUND_BYTES + messageSize(message);
    if (isLargePayload(message)) size -= message.data.length;
  }
  return size;
}
