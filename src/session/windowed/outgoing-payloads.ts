import { SluiceError } from '../../core/errors.js';
import { Load, type Size } from '../../flow/window.js';
import { encodedBound, messageSize } from '../../wire/codec.js';
import { dataMessage, EMPTY_BYTES, weightOf, type DataMessage } from '../../wire/messages.js';
import { detached } from '../detached-message.js';
import type { Payload } from './waiting-sends.js';

export interface OutgoingLimits {
  /** Of one message on the wire: larger ones are sent in pieces. */
  readonly maxMessageBytes: number;
  /** What a payload that the route itself sends in pieces may come to. */
  readonly collected: Size;
}

/** What the sequence, the ack and the time to live may add to a piece on the wire. */
const NUMBERS_BYTES = 40;

/**
 * Makes payloads of what a route sends: collects the pieces it sends one by one
 * (`more`), and splits what is larger than one message may be.
 */
export class OutgoingPayloads {
  readonly #limits: OutgoingLimits;
  #pieces: DataMessage[] = [];
  readonly #collected = new Load();
  /** The payload under way is too large: the rest of it is refused as well. */
  #refusing = false;

  constructor(limits: OutgoingLimits) {
    this.#limits = limits;
  }

  /** What is held of a payload that is not complete, in bytes. */
  get bytes(): number {
    return this.#collected.bytes;
  }

  get messages(): number {
    return this.#collected.messages;
  }

  /** The payload that this message completes; undefined where more of it is to come. Throws MESSAGE_TOO_LARGE. */
  next(message: DataMessage): Payload | undefined {
    // A view of what came in would keep the whole chunk for as long as it is held.
    const kept = detached(message);
    if (!message.more && this.#pieces.length === 0 && !this.#refusing) return this.#fitted(kept);
    return this.#collect(kept);
  }

  clear(): void {
    this.#pieces = [];
    this.#collected.clear();
  }

  #collect(message: DataMessage): Payload | undefined {
    const { collected } = this.#limits;
    if (this.#refusing || this.#wireSize(message) > this.#limits.maxMessageBytes) {
      this.#refuse(message, 'a piece of a payload');
    }
    this.#pieces.push(message);
    this.#collected.add(weightOf(message));
    if (this.#collected.messages > collected.messages || this.#collected.bytes > collected.bytes) {
      this.#refuse(
        message,
        `a payload of more than ${collected.messages} messages or ${collected.bytes} bytes`,
      );
    }
    if (message.more) return undefined;
    const [first, ...rest] = this.#pieces;
    this.clear();
    return first === undefined ? undefined : [first, ...rest];
  }

  #refuse({ more }: DataMessage, what: string): never {
    this.#refusing = more;
    this.clear();
    throw new SluiceError(
      'MESSAGE_TOO_LARGE',
      `${what} to the client is larger than may be held for it ` +
        `(server.maxMessageSize = ${this.#limits.maxMessageBytes} bytes, session.waitingMessages = ` +
        `${this.#limits.collected.messages}, session.waitingSize = ${this.#limits.collected.bytes} bytes)`,
    );
  }

  #fitted(message: DataMessage): Payload {
    const { maxMessageBytes } = this.#limits;
    // The exact size is worth counting only where it may matter.
    if (encodedBound(message) <= maxMessageBytes || this.#wireSize(message) <= maxMessageBytes)
      return [message];
    // Key and metadata go with the first piece.
    const overhead = this.#wireSize({ ...message, data: EMPTY_BYTES });
    const room = maxMessageBytes - overhead;
    if (room <= 0) this.#refuse(message, 'the key and metadata of a message');
    const { data } = message;
    // What the numbers may add is counted for the most there is: it fits after all.
    if (data.byteLength <= room) return [message];
    const first = { ...message, data: data.subarray(0, room), more: true };
    const rest: DataMessage[] = [];
    const { sessionId, timestampMs } = message;
    // More than the first has, which bears more: never none.
    const pieceBytes = maxMessageBytes - this.#wireSize(dataMessage({ sessionId, timestampMs }));
    for (let from = room; from < data.byteLength; from += pieceBytes) {
      const to = Math.min(data.byteLength, from + pieceBytes);
      rest.push(
        dataMessage({ sessionId, timestampMs, data: data.subarray(from, to), more: to < data.byteLength }),
      );
    }
    return [first, ...rest];
  }

  #wireSize(message: DataMessage): number {
    return messageSize(message) + NUMBERS_BYTES;
  }
}
