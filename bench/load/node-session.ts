import { batchSize, encodeBatch, encodeMessage, messageSize } from '../../src/wire/codec.js';
import { dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';
import { frameOf, PREFIX_BYTES } from './node-call.js';
import type { LoadOptions } from './node-options.js';

/** One payload in so many is compared byte by byte; the counter of every one is checked. */
const CONTENT_SAMPLE = 64;
const COUNTER_BYTES = 4;

/** One conversation, from the client's side; windowed or not. See bench/load/session.go. */
export class NodeSession {
  readonly id: string;
  readonly #windowed: boolean;
  readonly #batched: boolean;
  readonly #payload: Buffer;
  /** What a frame is made of; encoded anew with each. */
  readonly #messages: readonly DataMessage[];
  /** A ring of the frames under way: when each was sent, or due. */
  readonly #at: Float64Array;
  #window: { readonly messages: number; readonly bytes: number } | undefined;
  #sent = 0;
  #acked = 0;
  #received = 0;
  #told = 0;

  constructor(options: LoadOptions, id: string, seed: number) {
    this.id = id;
    this.#windowed = options.windowed;
    this.#batched = options.method === 'StreamBatches';
    this.#payload = Buffer.from(Uint8Array.from({ length: options.size }, (_, i) => i * 7 + seed * 31));
    this.#messages = Array.from({ length: this.#batched ? options.batch : 1 }, () =>
      dataMessage({ sessionId: id, timestampMs: Date.now(), data: Buffer.from(this.#payload) }),
    );
    this.#at = new Float64Array(options.outstanding);
  }

  /** Whether the window has room for another frame. One message always fits when nothing is in flight. */
  get hasRoom(): boolean {
    if (!this.#windowed) return true;
    if (this.#window === undefined) return false;
    const messages = this.#sent - this.#acked + this.#messages.length;
    if (messages === 1) return true;
    return messages <= this.#window.messages && messages * this.#payload.length <= this.#window.bytes;
  }

  /** The next frame behind its prefix, with the ack of all that came. */
  next(atMs: number): Buffer {
    this.#at[(this.#sent / this.#messages.length) % this.#at.length] = atMs;
    for (const message of this.#messages) {
      Buffer.from(message.data.buffer, message.data.byteOffset).writeUInt32LE(this.#sent % 2 ** 32, 0);
      this.#sent += 1;
      if (!this.#windowed) continue;
      message.sequence = this.#sent;
      message.ack = this.#received;
    }
    this.#told = this.#received;
    const [single] = this.#messages;
    const size = this.#batched || single === undefined ? batchSize(this.#messages) : messageSize(single);
    const out = Buffer.allocUnsafe(PREFIX_BYTES + size);
    out[0] = 0;
    out.writeUInt32BE(size, 1);
    if (this.#batched || single === undefined) encodeBatch(this.#messages, out, PREFIX_BYTES);
    else encodeMessage(single, out, PREFIX_BYTES);
    return out;
  }

  /** What acknowledges all that came, where the server does not know; undefined where it does. */
  ack(): Buffer | undefined {
    if (!this.#windowed || this.#told === this.#received) return undefined;
    this.#told = this.#received;
    return frameOf(
      dataMessage({ type: MessageType.ACK, sessionId: this.id, ack: this.#told }),
      this.#batched,
    );
  }

  /** Anything the server says of the session, answers aside; throws on what it should not. */
  take({ ack, control }: DataMessage): void {
    if (ack > this.#sent)
      throw new Error(`${this.id}: ack ${String(ack)} after ${String(this.#sent)} messages`);
    this.#acked = Math.max(this.#acked, ack);
    if (control?.action === 'opened')
      this.#window = { messages: control.windowMessages, bytes: control.windowBytes };
    else if (control?.action === 'closed') throw new Error(`${this.id}: ${control.code}: ${control.reason}`);
    else if (control?.action === 'error') throw new Error(`${this.id}: ${control.code}: ${control.message}`);
    else if (control?.action === 'gap') throw new Error(`${this.id}: messages were lost`);
  }

  /** An answer; returns when it was sent, or due, and whether its frame is complete. Throws on a wrong one. */
  answer(message: DataMessage): { readonly atMs: number; readonly completes: boolean } {
    const expected = this.#received;
    if (this.#windowed && message.sequence !== expected + 1)
      throw new Error(`sequence ${String(message.sequence)} after ${String(expected)}`);
    const data = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength);
    if (data.length !== this.#payload.length || data.readUInt32LE(0) !== expected % 2 ** 32)
      throw new Error(`answer ${String(expected)} is not the one expected`);
    const differs = (): boolean => data.compare(this.#payload, COUNTER_BYTES, undefined, COUNTER_BYTES) !== 0;
    if (expected % CONTENT_SAMPLE === 0 && differs())
      throw new Error(`answer ${String(expected)} differs from what was sent`);
    this.#received += 1;
    const perFrame = this.#messages.length;
    const atMs = this.#at[Math.floor(expected / perFrame) % this.#at.length] ?? 0;
    return { atMs, completes: this.#received % perFrame === 0 };
  }
}
