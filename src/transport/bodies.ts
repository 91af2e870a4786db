import type { SluiceError } from '../core/errors.js';
import {
  BatchReader,
  batchSize,
  decodeMessage,
  encodeBatch,
  encodeMessage,
  messageSize,
  StringCache,
} from '../wire/codec.js';
import { type DataMessage, dataMessage } from '../wire/messages.js';
import { batchEnd } from './batch-end.js';
import type { Framing } from './framing.js';
import { asUnreadable, manyRequests, noRequest } from './stream-errors.js';

/** The bodies of the frames that carry these messages, each in memory of its own. */
export function encodeBodies(
  framing: Framing,
  messages: readonly DataMessage[],
  maxMessageBytes: number,
): Buffer[] {
  const bodies: Buffer[] = [];
  if (framing === 'message') {
    for (const message of messages) {
      const body = Buffer.allocUnsafe(messageSize(message));
      encodeMessage(message, body, 0);
      bodies.push(body);
    }
    return bodies;
  }
  if (framing !== 'batch') {
    for (const { data } of messages) bodies.push(Buffer.from(data));
    return bodies;
  }
  for (let from = 0, to; from < messages.length; from = to) {
    to = batchEnd(messages, from, maxMessageBytes);
    const batch = messages.slice(from, to);
    const body = Buffer.allocUnsafe(batchSize(batch));
    encodeBatch(batch, body, 0);
    bodies.push(body);
  }
  return bodies;
}

/** Bodies of frames in, messages out, no more at a time than asked for. */
export interface BodyReading {
  /** Bodies not looked into yet. */
  readonly held: number;
  /** Of these, and of the batch being read. */
  readonly bytes: number;
  /** Whether nothing is left to be asked for. */
  readonly isEmpty: boolean;
  /** Why the call is refused at its half-close. */
  readonly missing: SluiceError | undefined;
  push(body: Uint8Array): void;
  clear(): void;
  /**
   * Adds the next messages to `target`, up to `room` in all. Returns why it
   * stopped at one that can't be read: what was held behind it is forgotten.
   */
  fill(target: DataMessage[], room: number): SluiceError | undefined;
}

/** Bodies in protobuf. */
export class BodyReader implements BodyReading {
  held = 0;
  bytes = 0;

  readonly #framing: Framing;
  readonly #strings = new StringCache();
  #bodies: Uint8Array[] = [];
  #next = 0;
  #batch: BatchReader | undefined;
  #batchBytes = 0;
  #hasRequest = false;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  get isEmpty(): boolean {
    return this.held === 0 && this.#batch === undefined;
  }

  push(body: Uint8Array): void {
    this.#bodies.push(body);
    this.held += 1;
    this.bytes += body.length;
  }

  clear(): void {
    this.#bodies = [];
    this.#next = 0;
    this.held = 0;
    this.bytes = 0;
    this.#batch = undefined;
    this.#batchBytes = 0;
  }

  fill(target: DataMessage[], room: number): SluiceError | undefined {
    try {
      while (target.length < room) {
        if (this.#batch !== undefined) {
          const message = this.#batch.next();
          if (message === undefined) {
            this.#batch = undefined;
            this.bytes -= this.#batchBytes;
          } else target.push(message);
          continue;
        }
        const body = this.#shift();
        if (body === undefined) break;
        if (this.#framing === 'batch') {
          this.#batchBytes = body.length;
          this.#batch = new BatchReader(body, 0, body.length, this.#strings);
          continue;
        }
        this.bytes -= body.length;
        if (this.#framing === 'message') target.push(decodeMessage(body, 0, body.length, this.#strings));
        else this.#takeWhole(target, body);
      }
      return undefined;
    } catch (error) {
      this.clear();
      return asUnreadable(error);
    }
  }

  get missing(): SluiceError | undefined {
    return this.#framing === 'request' && !this.#hasRequest ? noRequest() : undefined;
  }

  #takeWhole(target: DataMessage[], body: Uint8Array): void {
    if (this.#framing === 'request' && this.#hasRequest) throw manyRequests();
    this.#hasRequest = true;
    target.push(dataMessage({ data: body }));
  }

  #shift(): Uint8Array | undefined {
    const body = this.#bodies[this.#next];
    if (body === undefined) return undefined;
    this.held -= 1;
    this.#next += 1;
    if (this.held === 0) {
      this.#bodies = [];
      this.#next = 0;
    }
    return body;
  }
}
