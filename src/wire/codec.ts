/**
 * DataMessage and DataBatch to protobuf bytes and back, by hand: this is the
 * gateway's hottest code. Order of fields, defaults and merging follow
 * https://protobuf.dev/programming-guides/encoding/; stricter than it where a
 * sender can only be mistaken (see `decodeMessage`).
 */
import { controlSize, decodeControl, encodeControl, MAX_CONTROL_PARTS } from './control-codec.js';
import {
  type Control,
  type DataMessage,
  EMPTY_BYTES,
  MAX_BATCH_MESSAGES,
  MAX_METADATA_ENTRIES,
} from './messages.js';
import { EncodedMetadata, TAG_METADATA } from './encoded-metadata.js';
import { snakeCase } from './field-codec.js';
import { messageTable } from './message-fields.js';
import { readMetadataEntry } from './metadata-codec.js';
import { metadataSize, writeMetadata } from './metadata-writer.js';
import { Reader } from './reader.js';
import type { StringCache } from './string-cache.js';
import {
  bytesFieldSize,
  textFieldSize,
  toUint32,
  varintSize,
  writeBytesField,
  writeTextField,
  writeVarint,
  writeVarintField,
} from './writer.js';

export { StringCache } from './string-cache.js';

const TAG_TYPE = 0x08;
const TAG_SESSION_ID = 0x12;
const TAG_SEQUENCE = 0x18;
const TAG_ACK = 0x20;
const TAG_TIMESTAMP = 0x28;
const TAG_DATA = 0x32;
const TAG_KEY = 0x42;
const TAG_MORE = 0x48;
const TAG_CONTROL = 0x52;
const TAG_TTL = 0x58;
const TAG_BATCH_MESSAGE = 0x0a;

/** By field number, as the proto names them. */
const FIELD_NAMES: (string | undefined)[] = [];
for (const [name, [number]] of Object.entries(messageTable)) FIELD_NAMES[number] = snakeCase(name);

/** What all scalar fields, their tags and all length prefixes of a message can take together. */
const FIXED_BOUND = 80;
const MAX_INT32 = 0x7fff_ffff;

/** Decoding is synchronous and never re-entered, so one reader serves all. */
const sharedReader = new Reader();

/**
 * Reads one DataMessage from `buffer[start, end)`. `data` and tokens are views
 * of `buffer`: copy what outlives it. Unknown fields are skipped, of a repeated
 * field the last wins.
 * @throws SluiceError INVALID_MESSAGE, naming field and byte, on what is not
 * protobuf, on groups, on a wrong wire type, on text that is not UTF-8, on
 * 64-bit integers outside 0 to 2^53-1, on more than 64 metadata entries, 16
 * controls or actions, 256 fields in all.
 */
export function decodeMessage(
  buffer: Uint8Array,
  start: number,
  end: number,
  cache?: StringCache,
): DataMessage {
  sharedReader.set(buffer, start, end);
  return readMessage(sharedReader, cache);
}

function readMessage(reader: Reader, cache: StringCache | undefined): DataMessage {
  let type = 0;
  let sessionId = '';
  let sequence = 0;
  let ack = 0;
  let timestampMs = 0;
  let data = EMPTY_BYTES;
  let metadata: Map<string, string> | undefined;
  let metadataEntries = 0;
  let key = '';
  let more = false;
  let control: Control | undefined;
  let controls = 0;
  let ttlMs = 0;

  const { end } = reader;
  while (reader.position < end) {
    const at = reader.position;
    const tag = reader.tag();
    switch (tag) {
      case TAG_TYPE:
        type = reader.int32('type');
        break;
      case TAG_SESSION_ID:
        sessionId = reader.text('session_id', cache);
        break;
      case TAG_SEQUENCE:
        sequence = reader.uint53('sequence');
        break;
      case TAG_ACK:
        ack = reader.uint53('ack');
        break;
      case TAG_TIMESTAMP:
        timestampMs = reader.uint53('timestamp_ms');
        break;
      case TAG_DATA:
        data = reader.bytes('data');
        break;
      case TAG_METADATA:
        metadataEntries += 1;
        if (metadataEntries > MAX_METADATA_ENTRIES) {
          reader.fail('metadata', at, `has more than ${MAX_METADATA_ENTRIES} entries`);
        }
        metadata ??= new Map();
        readMetadataEntry(reader, metadata, cache);
        break;
      case TAG_KEY:
        key = reader.text('key', cache);
        break;
      case TAG_MORE:
        more = reader.bool('more');
        break;
      case TAG_CONTROL:
        controls += 1;
        if (controls > MAX_CONTROL_PARTS) {
          reader.fail('control', at, `is there ${controls} times; at most ${MAX_CONTROL_PARTS} are accepted`);
        }
        reader.end = reader.lengthEnd('control');
        control = decodeControl(reader, control);
        reader.end = end;
        break;
      case TAG_TTL:
        ttlMs = reader.uint32('ttl_ms');
        break;
      default:
        reader.skip(tag, at, FIELD_NAMES[tag >>> 3]);
    }
  }
  return { type, sessionId, sequence, ack, timestampMs, data, metadata, key, more, control, ttlMs };
}

/** Exact encoded size in bytes, without any frame around it. */
export function messageSize(message: DataMessage): number {
  let size = message.data.length === 0 ? 0 : bytesFieldSize(message.data.length);
  if (message.type > 0) size += 1 + varintSize(Math.min(message.type, MAX_INT32));
  if (message.sessionId !== '') size += textFieldSize(message.sessionId);
  if (message.sequence > 0) size += 1 + varintSize(message.sequence);
  if (message.ack > 0) size += 1 + varintSize(message.ack);
  if (message.timestampMs > 0) size += 1 + varintSize(message.timestampMs);
  if (message.metadata !== undefined) {
    const { metadata } = message;
    size += metadata instanceof EncodedMetadata ? metadata.bytes.length : metadataSize(metadata);
  }
  if (message.key !== '') size += textFieldSize(message.key);
  if (message.more) size += 2;
  if (message.control !== undefined) size += bytesFieldSize(controlSize(message.control));
  if (message.ttlMs > 0) size += 1 + varintSize(toUint32(message.ttlMs));
  return size;
}

/**
 * At least `messageSize`, without looking into the strings (a UTF-16 unit is at
 * most 3 bytes of UTF-8): for a caller who fills a slab message by message.
 */
export function encodedBound(message: DataMessage): number {
  let bound = FIXED_BOUND + message.data.length + 3 * (message.sessionId.length + message.key.length);
  if (message.metadata !== undefined) {
    const { metadata } = message;
    if (metadata instanceof EncodedMetadata) bound += metadata.bytes.length;
    else for (const [name, value] of metadata) bound += 20 + 3 * (name.length + value.length);
  }
  if (message.control !== undefined) bound += controlSize(message.control);
  return bound;
}

/**
 * Writes the message at `offset`; returns the offset after it. `target` must
 * have room (`messageSize` or `encodedBound`): it is not checked. Defaults are
 * left out; a number outside its field's range is written as the nearest
 * within, so that no message of ours is one a peer must refuse.
 */
export function encodeMessage(message: DataMessage, target: Uint8Array, offset: number): number {
  let position = offset;
  if (message.type > 0) {
    position = writeVarintField(target, position, TAG_TYPE, Math.min(message.type, MAX_INT32));
  }
  if (message.sessionId !== '') {
    position = writeTextField(target, position, TAG_SESSION_ID, message.sessionId);
  }
  if (message.sequence > 0) position = writeVarintField(target, position, TAG_SEQUENCE, message.sequence);
  if (message.ack > 0) position = writeVarintField(target, position, TAG_ACK, message.ack);
  if (message.timestampMs > 0) {
    position = writeVarintField(target, position, TAG_TIMESTAMP, message.timestampMs);
  }
  if (message.data.length !== 0) position = writeBytesField(target, position, TAG_DATA, message.data);
  if (message.metadata !== undefined) {
    const { metadata } = message;
    if (metadata instanceof EncodedMetadata) {
      target.set(metadata.bytes, position);
      position += metadata.bytes.length;
    } else position = writeMetadata(target, position, TAG_METADATA, metadata);
  }
  if (message.key !== '') position = writeTextField(target, position, TAG_KEY, message.key);
  if (message.more) position = writeVarintField(target, position, TAG_MORE, 1);
  if (message.control !== undefined) {
    position = writeVarintField(target, position, TAG_CONTROL, controlSize(message.control));
    position = encodeControl(message.control, target, position);
  }
  if (message.ttlMs > 0) position = writeVarintField(target, position, TAG_TTL, toUint32(message.ttlMs));
  return position;
}

/**
 * Writes all of the message but the bytes of its data, which belong right
 * behind it: for data that is too large to be copied. The order of fields is
 * free (https://protobuf.dev/programming-guides/encoding/#order), so data is the last.
 */
export function encodeAllButData(message: DataMessage, target: Uint8Array, offset: number): number {
  const position = encodeMessage({ ...message, data: EMPTY_BYTES }, target, offset);
  return writeVarintField(target, position, TAG_DATA, message.data.length);
}

/** The messages of one DataBatch frame, decoded one by one as they are asked for. */
export class BatchReader {
  readonly #reader = new Reader();
  readonly #cache: StringCache | undefined;
  #count = 0;

  constructor(buffer: Uint8Array, start: number, end: number, cache?: StringCache) {
    this.#reader.set(buffer, start, end);
    this.#cache = cache;
  }

  /**
   * The next message, or undefined at the end.
   * @throws SluiceError INVALID_MESSAGE as `decodeMessage` does, and on the
   * 1,025th message. The frame is spoilt then: don't go on.
   */
  next(): DataMessage | undefined {
    const reader = this.#reader;
    const { end } = reader;
    reader.beginMessage();
    while (reader.position < end) {
      const at = reader.position;
      const tag = reader.tag();
      if (tag !== TAG_BATCH_MESSAGE) {
        reader.skip(tag, at, tag >>> 3 === 1 ? 'messages' : undefined);
        continue;
      }
      this.#count += 1;
      if (this.#count > MAX_BATCH_MESSAGES) {
        reader.fail('messages', at, `has more than ${MAX_BATCH_MESSAGES} entries`);
      }
      reader.end = reader.lengthEnd('messages');
      const message = readMessage(reader, this.#cache);
      reader.end = end;
      return message;
    }
    return undefined;
  }
}

/** Exact encoded size of the DataBatch. */
export function batchSize(messages: readonly DataMessage[]): number {
  let size = 0;
  for (const message of messages) size += bytesFieldSize(messageSize(message));
  return size;
}

/** Writes a DataBatch at `offset`; returns the offset after it. `target` must have room for `batchSize`. */
export function encodeBatch(messages: readonly DataMessage[], target: Uint8Array, offset: number): number {
  let position = offset;
  for (const message of messages) {
    target[position] = TAG_BATCH_MESSAGE;
    if (isSizeOfTwoBytes(message)) {
      // Written behind the message: half of what encoding costs is to know its size before.
      const start = position + 3;
      const end = encodeMessage(message, target, start);
      const size = end - start;
      target[position + 1] = (size & 0x7f) | 0x80;
      target[position + 2] = size >>> 7;
      position = end;
    } else {
      position = writeVarint(target, position + 1, messageSize(message));
      position = encodeMessage(message, target, position);
    }
  }
  return position;
}

/** The same of one message whose data belongs right behind it. */
export function encodeEntryButData(message: DataMessage, target: Uint8Array, offset: number): number {
  const position = writeVarintField(target, offset, TAG_BATCH_MESSAGE, messageSize(message));
  return encodeAllButData(message, target, position);
}

/** Whether it is certain, at a glance, that the message's size takes two bytes as a varint: 128 to 16,383. */
function isSizeOfTwoBytes(message: DataMessage): boolean {
  const { length } = message.data;
  if (length < 0x80 || length >= 0x3000 || message.control !== undefined) return false;
  return encodedBound(message) < 0x4000;
}
