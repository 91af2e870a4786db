import { expect, expectWhole } from '../option-checks.js';
import type { Linked } from '../../flow/linked-list.js';
import type { Size } from '../../flow/window.js';
import { messageSize } from '../../wire/codec.js';
import { type DataMessage, EMPTY_BYTES, MessageType, type WireError } from '../../wire/messages.js';
import type { Payload, SendOptions, UnsettledMessage } from '../message.js';
import { bytesOf, metadataOf } from '../../wire/sendable.js';

/** Whoever waits for a send; each of the two ends the wait, once. */
export interface SendWaiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What the type, the sequence, the ack, the time stamps and the lengths may add to a piece on the wire. */
const NUMBERS_BYTES = 64;
/** A UTF-16 unit takes at most so many bytes as UTF-8. */
const BYTES_A_UNIT = 3;
/** What the framing of one metadata entry may take. */
const ENTRY_BYTES = 20;
const MAX_TTL_MS = 2 ** 32 - 1;

export const NO_METADATA: ReadonlyMap<string, string> = new Map();

/**
 * One send of the application: a whole payload, in as many messages as it takes,
 * or a piece that the application made itself (`more`). It waits, then has the
 * sequences from `first` on, and is kept until all of them are acknowledged; the
 * messages are made as they are written, for each may be written again.
 */
export class OutgoingPayload implements Linked<OutgoingPayload> {
  previous: OutgoingPayload | undefined;
  next: OutgoingPayload | undefined;
  readonly data: Uint8Array;
  readonly metadata: ReadonlyMap<string, string> | undefined;
  readonly key: string;
  readonly more: boolean;
  readonly ttlMs: number;
  readonly timestampMs: number;
  /** Its weight in windows and bounds. */
  readonly bytes: number;
  /** Whether it begins a payload, rather than going on with the one before. Set by whoever takes it. */
  begins = true;
  /** When it is no longer worth sending, in Clock.now(). */
  deadlineMs = Infinity;
  /** Whether it waits in the buffer, where it may be dropped or withdrawn. */
  isWaiting = false;
  /** Its first sequence; 0: it has none yet. */
  first = 0;
  /** How many messages it is. */
  pieces = 1;
  /** How the route failed on it: known before it is acknowledged. */
  error: WireError | undefined;
  /** For its being taken or, `untilSettled`, acknowledged; undefined: nobody. */
  waiter: SendWaiter | undefined;
  untilSettled = false;
  /** Bytes of data in the first piece and in each further one. */
  #headBytes: number;
  #pieceBytes = 0;

  /** Throws a TypeError or RangeError for what can't be sent. */
  constructor(data: Payload, options: SendOptions | undefined, timestampMs: number) {
    this.data = bytesOf(data);
    this.#headBytes = this.data.byteLength;
    this.timestampMs = timestampMs;
    this.bytes = this.data.byteLength;
    if (options === undefined) {
      this.metadata = undefined;
      this.key = '';
      this.more = false;
      this.ttlMs = 0;
      return;
    }
    const { metadata, key = '', more = false, ttlMs = 0 } = options;
    expect('key', key, typeof key === 'string', 'a string');
    this.key = key;
    this.more = more;
    this.ttlMs = ttlMs === 0 ? 0 : expectWhole('ttlMs', ttlMs, 1, MAX_TTL_MS);
    this.metadata = metadata === undefined ? undefined : metadataOf(metadata);
    this.bytes += key.length;
    if (this.metadata === undefined) return;
    for (const [name, value] of this.metadata) this.bytes += name.length + value.length;
  }

  get lastSequence(): number {
    return this.first + this.pieces - 1;
  }

  /** The weight of its first message. */
  get headWeight(): number {
    return this.pieces === 1 ? this.bytes : this.bytes - this.data.byteLength + this.#headBytes;
  }

  /**
   * Divides it into messages of at most so many bytes on the wire. False: not
   * even its key and metadata go into one.
   */
  divide(sessionId: string, maxMessageBytes: number): boolean {
    const { data, metadata, key } = this;
    this.pieces = 1;
    this.#headBytes = data.byteLength;
    // The exact size is worth counting only where it may matter.
    const bound =
      NUMBERS_BYTES +
      BYTES_A_UNIT * (this.bytes + sessionId.length) +
      (metadata === undefined ? 0 : ENTRY_BYTES * metadata.size);
    if (bound <= maxMessageBytes) return true;
    const head = this.#message(sessionId, 0, 0, EMPTY_BYTES, metadata, key, true);
    const headRoom = maxMessageBytes - NUMBERS_BYTES - messageSize(head);
    if (headRoom >= data.byteLength) return true;
    if (headRoom <= 0) return false;
    const rest = this.#message(sessionId, 0, 0, EMPTY_BYTES, undefined, '', true);
    this.#headBytes = headRoom;
    this.#pieceBytes = maxMessageBytes - NUMBERS_BYTES - messageSize(rest);
    this.pieces = 1 + Math.ceil((data.byteLength - headRoom) / this.#pieceBytes);
    return true;
  }

  /** Whether the gateway could hold all of it at once, as a route that wants it whole needs. */
  fitsWindow(window: Size): boolean {
    return this.pieces === 1 || (this.pieces <= window.messages && this.bytes <= window.bytes);
  }

  /** The weight of its piece at `index`, from 0. */
  weightAt(index: number): number {
    if (index === 0) return this.headWeight;
    const from = this.#headBytes + (index - 1) * this.#pieceBytes;
    return Math.min(this.#pieceBytes, this.data.byteLength - from);
  }

  /** A new message for its piece at `index`, from 0. */
  messageAt(index: number, sessionId: string): DataMessage {
    const sequence = this.first + index;
    if (this.pieces === 1) {
      return this.#message(sessionId, sequence, this.ttlMs, this.data, this.metadata, this.key, this.more);
    }
    // Key, metadata and time to live are those of the first piece (protocol.md, D20).
    if (index === 0) {
      const head = this.data.subarray(0, this.#headBytes);
      return this.#message(sessionId, sequence, this.ttlMs, head, this.metadata, this.key, true);
    }
    const from = this.#headBytes + (index - 1) * this.#pieceBytes;
    const data = this.data.subarray(from, from + this.#pieceBytes);
    const more = index < this.pieces - 1 || this.more;
    return this.#message(sessionId, sequence, 0, data, undefined, '', more);
  }

  /** It is to be sent anew, with other sequences. */
  forgetNumber(): void {
    this.first = 0;
    this.error = undefined;
  }

  /** What the application is told of it. */
  toUnsettled(): UnsettledMessage {
    const { data, metadata = NO_METADATA, key, more } = this;
    return { data, metadata, key, more };
  }

  resolve(): void {
    const { waiter } = this;
    this.waiter = undefined;
    waiter?.resolve();
  }

  /** False: nobody waits for it. */
  reject(error: unknown): boolean {
    const { waiter } = this;
    this.waiter = undefined;
    waiter?.reject(error);
    return waiter !== undefined;
  }

  #message(
    sessionId: string,
    sequence: number,
    ttlMs: number,
    data: Uint8Array,
    metadata: ReadonlyMap<string, string> | undefined,
    key: string,
    more: boolean,
  ): DataMessage {
    return {
      type: MessageType.DATA,
      sessionId,
      sequence,
      ack: 0,
      timestampMs: this.timestampMs,
      data,
      metadata,
      key,
      more,
      control: undefined,
      ttlMs,
    };
  }
}
