/** Compressed flag and length, in front of every message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5;

/** What is wrong with a message, seen at its prefix. */
export type ScanFault =
  | { readonly kind: 'too-large'; readonly sizeBytes: number }
  /** The compressed flag is neither 0 nor 1. */
  | { readonly kind: 'bad-flag'; readonly flag: number };

/**
 * Finds where messages end in chunks cut anywhere, and copies none of them:
 * only a prefix that is cut in two is held back, for a message that is refused
 * is refused before its first byte has gone.
 */
export class MessageScanner {
  /** Whole messages, so far. */
  messages = 0;
  /** Set by the `scan` that found it; nothing is scanned after that. */
  fault: ScanFault | undefined;
  /** Of the last `scan`: the prefix that was held back and is whole now; it goes before the rest. */
  before: Uint8Array | undefined;
  /** Of the last `scan`: what of the chunk may go. */
  start = 0;
  end = 0;
  /** Where the next scan of the chunk begins; its length where it is used up. */
  next = 0;

  readonly #maxMessageBytes: number;
  /** What is left of the message under way; 0 between messages. */
  #left = 0;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixSeen = 0;

  /** `maxMessageBytes` is without the prefix; 0 = no limit. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes === 0 ? Infinity : maxMessageBytes;
  }

  /** The part of a prefix that is held back, or nothing: for who ends in the middle of one. */
  get rest(): Uint8Array {
    return this.#prefix.slice(0, this.#prefixSeen);
  }

  /** Looks at a chunk from `from` on, until `most` messages (at least one) have ended in it. */
  scan(chunk: Uint8Array, from: number, most = Infinity): void {
    const { length } = chunk;
    const last = this.messages + most;
    let at = from;
    this.before = undefined;
    this.start = this.end = this.next = from;
    if (this.#prefixSeen > 0) {
      at = this.#holdBack(chunk, at);
      this.start = this.end = this.next = at;
      if (this.#prefixSeen < PREFIX_BYTES || !this.#begin(this.#prefix, 0)) return;
      this.#prefixSeen = 0;
      this.before = this.#prefix.slice();
      if (this.#left === 0) this.messages += 1;
    }
    while (at < length && this.messages < last) {
      if (this.#left > 0) {
        const take = Math.min(this.#left, length - at);
        at += take;
        this.#left -= take;
        if (this.#left === 0) this.messages += 1;
      } else if (length - at >= PREFIX_BYTES) {
        if (!this.#begin(chunk, at)) break;
        at += PREFIX_BYTES;
        if (this.#left === 0) this.messages += 1;
      } else {
        this.end = at;
        this.next = this.#holdBack(chunk, at);
        return;
      }
    }
    this.end = this.next = at;
  }

  /** Returns where it stopped. */
  #holdBack(chunk: Uint8Array, from: number): number {
    let at = from;
    while (this.#prefixSeen < PREFIX_BYTES && at < chunk.length) {
      this.#prefix[this.#prefixSeen] = chunk[at] as number;
      this.#prefixSeen += 1;
      at += 1;
    }
    return at;
  }

  /** A message whose prefix is there; false: it is refused. */
  #begin(bytes: Uint8Array, at: number): boolean {
    const flag = bytes[at] as number;
    const sizeBytes =
      (bytes[at + 1] as number) * 0x1000000 +
      (((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number));
    if (flag > 1) this.fault = { kind: 'bad-flag', flag };
    else if (sizeBytes > this.#maxMessageBytes) this.fault = { kind: 'too-large', sizeBytes };
    this.#left = sizeBytes;
    return this.fault === undefined;
  }
}
