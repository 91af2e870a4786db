/** Where bytes that are buffered are counted; `ByteAccount` is one. */
export interface BufferAccount {
  /** So many more from now on; negative for what is let go. */
  add(bytes: number): void;
}

/** Less than this is not worth counting: the message that the end of a chunk cuts in two, most often. */
const MIN_HELD_BYTES = 4 * 1024;

/** What one stream holds of what has arrived, as the account of all streams knows it. */
export class HeldBytes {
  readonly #account: BufferAccount | undefined;
  #counted = 0;

  constructor(account: BufferAccount | undefined) {
    this.#account = account;
  }

  get counted(): number {
    return this.#counted;
  }

  /** It holds so many now. */
  set(bytes: number): void {
    const worth = bytes < MIN_HELD_BYTES ? 0 : bytes;
    if (worth === this.#counted) return;
    this.#account?.add(worth - this.#counted);
    this.#counted = worth;
  }
}
