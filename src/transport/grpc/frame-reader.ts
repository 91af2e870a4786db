import { SluiceError } from '../../core/errors.js';
import { tooLarge } from '../stream-errors.js';

/** Compressed flag and length, in front of every message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const PREFIX_BYTES = 5;
/** What an unfinished message is given at first; it doubles as more arrives, so that a length alone reserves nothing. */
const FIRST_PARTIAL_BYTES = 64 * 1024;

/**
 * Cuts the chunks of a stream into length-prefixed messages. A message that
 * lies whole in its chunk is a view of it; one spread over several is gathered
 * in a buffer of its own, its bytes copied twice on the average, and once where
 * one before was as long. What remains of a chunk stays raw until it is asked for,
 * and an idle reader holds no buffer.
 */
export class FrameReader {
  /** Where the message of the last `next()` that returned true lies. */
  buffer: Uint8Array | undefined;
  start = 0;
  end = 0;
  compressed = false;

  readonly #maxMessageBytes: number;
  #chunk: Uint8Array | undefined;
  #at = 0;
  #prefixSeen = 0;
  #flag = 0;
  #size = 0;
  #partial: Uint8Array | undefined;
  #filled = 0;
  /** What the next unfinished message is given at once: a sender that has kept its word has sent half of it before. */
  #believedBytes = FIRST_PARTIAL_BYTES;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether what has been read so far ends within a message. */
  get midFrame(): boolean {
    return this.#prefixSeen > 0;
  }

  /**
   * What is held of what was pushed: the rest of a chunk, and the room of an unfinished message, as far as twice
   * of what has come of it. Room that nothing has been written to takes no memory, and would make senders that
   * only announce much look like those that hold much.
   */
  get heldBytes(): number {
    const rest = this.#chunk === undefined ? 0 : this.#chunk.length - this.#at;
    if (this.#partial === undefined) return rest;
    return rest + Math.min(this.#partial.length, Math.max(FIRST_PARTIAL_BYTES, 2 * this.#filled));
  }

  /** The next chunk; only once `next()` has returned false. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Moves to the next whole message; false when the chunk is used up.
   * @throws SluiceError MESSAGE_TOO_LARGE as soon as a length is over the
   * limit, INVALID_MESSAGE for a compressed flag other than 0 and 1.
   */
  next(): boolean {
    const chunk = this.#chunk;
    if (chunk === undefined) {
      this.buffer = undefined;
      return false;
    }
    const length = chunk.length;
    let at = this.#at;
    if (this.#prefixSeen === 0 && length - at >= PREFIX_BYTES) {
      this.#flag = chunk[at] as number;
      this.#size =
        (chunk[at + 1] as number) * 0x1000000 +
        (((chunk[at + 2] as number) << 16) | ((chunk[at + 3] as number) << 8) | (chunk[at + 4] as number));
      this.#prefixSeen = PREFIX_BYTES;
      at += PREFIX_BYTES;
      this.#checkPrefix();
    } else {
      while (this.#prefixSeen < PREFIX_BYTES && at < length) {
        const byte = chunk[at] as number;
        at += 1;
        if (this.#prefixSeen === 0) this.#flag = byte;
        else this.#size = this.#size * 0x100 + byte;
        this.#prefixSeen += 1;
        if (this.#prefixSeen === PREFIX_BYTES) this.#checkPrefix();
      }
    }
    if (this.#prefixSeen < PREFIX_BYTES) return this.#exhausted();

    if (this.#partial === undefined && length - at >= this.#size) {
      this.buffer = chunk;
      this.start = at;
      this.end = at + this.#size;
      at = this.end;
    } else {
      at = this.#gather(chunk, at);
      if (this.#filled < this.#size) return this.#exhausted();
      this.buffer = this.#partial;
      this.start = 0;
      this.end = this.#size;
      this.#partial = undefined;
      this.#filled = 0;
      if (this.#size * 2 > this.#believedBytes) this.#believedBytes = this.#size * 2;
    }
    this.compressed = this.#flag === 1;
    this.#prefixSeen = 0;
    this.#size = 0;
    this.#at = at;
    if (at === length) this.#chunk = undefined;
    return true;
  }

  /** Forgets everything; for a stream that reads no more. */
  clear(): void {
    this.buffer = undefined;
    this.#chunk = undefined;
    this.#partial = undefined;
    this.#prefixSeen = 0;
    this.#size = 0;
    this.#filled = 0;
  }

  #exhausted(): false {
    this.#chunk = undefined;
    this.buffer = undefined;
    return false;
  }

  #checkPrefix(): void {
    if (this.#flag > 1) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `A gRPC message begins with a compressed flag of 0 or 1, this one with ${this.#flag}.`,
      );
    }
    if (this.#size > this.#maxMessageBytes) throw tooLarge(this.#size, this.#maxMessageBytes);
  }

  /** Copies what the chunk has of the unfinished message; returns where it stopped. */
  #gather(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#size - this.#filled, chunk.length - at);
    const needed = this.#filled + take;
    let partial = this.#partial;
    if (partial === undefined || partial.length < needed) {
      const doubled = Math.max(this.#believedBytes, needed, (partial?.length ?? 0) * 2);
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#size, doubled));
      if (partial !== undefined) grown.set(partial.subarray(0, this.#filled));
      this.#partial = partial = grown;
    }
    partial.set(chunk.subarray(at, at + take), this.#filled);
    this.#filled = needed;
    return at + take;
  }
}
