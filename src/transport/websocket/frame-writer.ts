import { batchSize, encodeBatch, encodeMessage, messageSize } from '../../wire/codec.js';
import { batchToJson, messageToJson } from '../../wire/json-codec.js';
import { ingestSummaryToJson, publishResponseToJson } from '../../wire/json-topic-codec.js';
import type { DataMessage } from '../../wire/messages.js';
import { decodeIngestSummary, decodePublishResponse } from '../../wire/topic-codec.js';
import { batchEnd } from '../batch-end.js';
import type { ServedMethod } from '../contract.js';
import { RESPONSE_FRAMING } from '../framing.js';
import type { Subprotocol } from './subprotocols.js';

const SLAB_BYTES = 64 * 1024;
/** What is longer goes as several frames of one message, so that pings and a Close find their place between them. */
const MAX_FRAME_BYTES = 64 * 1024;
/** A server's frame: its first two bytes and up to eight of length (RFC 6455 section 5.2). */
const MAX_HEADER_BYTES = 10;

const FIN = 0x80;
const CONTINUATION = 0x0;
const OPCODES: Readonly<Record<Subprotocol, number>> = { 'sluice.v1.json': 0x1, 'sluice.v1.proto': 0x2 };

/** The payload of one WebSocket message, its size known. */
interface Body {
  readonly size: number;
  readonly write: (target: Buffer, offset: number) => void;
}

/**
 * Writes messages as WebSocket frames, straight into slabs that all connections
 * of a server share: one allocation for some 200 small messages. Frames of a
 * server are not masked, so nothing has to be written twice.
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
   * All messages as chunks of whole frames, ready for the network. `apart`
   * gives them memory of their own: for a connection that is backed up, which
   * would else keep whole slabs alive for its few bytes in each.
   */
  frames(
    subprotocol: Subprotocol,
    method: ServedMethod,
    messages: readonly DataMessage[],
    apart: boolean,
  ): readonly Buffer[] {
    const opcode = OPCODES[subprotocol];
    const bodies =
      subprotocol === 'sluice.v1.json'
        ? this.#textBodies(method, messages)
        : this.#binaryBodies(method, messages);
    const chunks: Buffer[] = [];
    // What is small goes together, up to a slab of it.
    let gathered: Body[] = [];
    let bytes = 0;
    for (const body of bodies) {
      const framed = MAX_HEADER_BYTES + body.size;
      if (bytes + framed > SLAB_BYTES && gathered.length > 0) {
        chunks.push(this.#together(opcode, gathered, bytes, apart));
        gathered = [];
        bytes = 0;
      }
      if (framed > SLAB_BYTES) chunks.push(...inFragments(opcode, body));
      else {
        gathered.push(body);
        bytes += framed;
      }
    }
    if (gathered.length > 0) chunks.push(this.#together(opcode, gathered, bytes, apart));
    return chunks;
  }

  /** `bound`: what the bodies take at most, with their headers. */
  #together(opcode: number, bodies: readonly Body[], bound: number, apart: boolean): Buffer {
    if (apart) {
      const own = Buffer.allocUnsafeSlow(bound);
      return own.subarray(0, writeFrames(opcode, bodies, own, 0));
    }
    if (this.#slab.length - this.#offset < bound) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset = writeFrames(opcode, bodies, this.#slab, start);
    return this.#slab.subarray(start, this.#offset);
  }

  #binaryBodies(method: ServedMethod, messages: readonly DataMessage[]): readonly Body[] {
    switch (RESPONSE_FRAMING[method]) {
      case 'message':
        return messages.map((message) => ({
          size: messageSize(message),
          write: (target, offset) => {
            encodeMessage(message, target, offset);
          },
        }));
      case 'batch':
        return this.#batches(messages).map((batch) => ({
          size: batchSize(batch),
          write: (target, offset) => {
            encodeBatch(batch, target, offset);
          },
        }));
      default:
        return messages.map(({ data }) => ({
          size: data.length,
          write: (target, offset) => {
            target.set(data, offset);
          },
        }));
    }
  }

  #textBodies(method: ServedMethod, messages: readonly DataMessage[]): readonly Body[] {
    const texts =
      RESPONSE_FRAMING[method] === 'batch'
        ? this.#batches(messages).map(batchToJson)
        : messages.map((message) => textOf(method, message));
    return texts.map((text) => ({
      size: Buffer.byteLength(text),
      write: (target, offset) => {
        target.write(text, offset);
      },
    }));
  }

  #batches(messages: readonly DataMessage[]): readonly (readonly DataMessage[])[] {
    const batches: (readonly DataMessage[])[] = [];
    for (let from = 0, to; from < messages.length; from = to) {
      to = batchEnd(messages, from, this.#maxMessageBytes);
      batches.push(messages.slice(from, to));
    }
    return batches;
  }
}

function textOf(method: ServedMethod, message: DataMessage): string {
  if (method === 'Publish') return publishResponseToJson(decodePublishResponse(message.data));
  if (method === 'Ingest') return ingestSummaryToJson(decodeIngestSummary(message.data));
  return messageToJson(message);
}

function writeFrames(opcode: number, bodies: readonly Body[], target: Buffer, offset: number): number {
  let position = offset;
  for (const { size, write } of bodies) {
    position = writeHeader(target, position, FIN | opcode, size);
    write(target, position);
    position += size;
  }
  return position;
}

/** One message as frames of `MAX_FRAME_BYTES`, each a chunk; written once, and moved apart for the headers. */
function inFragments(opcode: number, { size, write }: Body): readonly Buffer[] {
  const count = Math.ceil(size / MAX_FRAME_BYTES);
  const shift = count * MAX_HEADER_BYTES;
  const buffer = Buffer.allocUnsafeSlow(shift + size);
  write(buffer, shift);
  const chunks: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const from = index * MAX_FRAME_BYTES;
    const length = Math.min(MAX_FRAME_BYTES, size - from);
    const body = (index + 1) * MAX_HEADER_BYTES + from;
    buffer.copyWithin(body, shift + from, shift + from + length);
    const first = index === 0 ? opcode : CONTINUATION;
    const start = body - headerSize(length);
    writeHeader(buffer, start, index === count - 1 ? FIN | first : first, length);
    chunks.push(buffer.subarray(start, body + length));
  }
  return chunks;
}

function headerSize(size: number): number {
  if (size < 126) return 2;
  return size < 0x1_0000 ? 4 : MAX_HEADER_BYTES;
}

/** Returns the offset after it. */
function writeHeader(target: Buffer, offset: number, first: number, size: number): number {
  target[offset] = first;
  if (size < 126) {
    target[offset + 1] = size;
    return offset + 2;
  }
  if (size < 0x1_0000) {
    target[offset + 1] = 126;
    target.writeUInt16BE(size, offset + 2);
    return offset + 4;
  }
  target[offset + 1] = 127;
  target.writeUInt32BE(Math.floor(size / 2 ** 32), offset + 2);
  target.writeUInt32BE(size >>> 0, offset + 6);
  return offset + MAX_HEADER_BYTES;
}
