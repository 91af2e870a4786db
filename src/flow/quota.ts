import { MESSAGE_OVERHEAD_BYTES, type ByteAccount } from './byte-account.js';

/**
 * How much may be held at once, in messages and in bytes, by one queue or by
 * several that share it. One message always fits when nothing is held, however
 * large: its size has a limit of its own.
 */
export class Quota {
  readonly maxMessages: number;
  readonly maxBytes: number;
  messages = 0;
  bytes = 0;
  /** The most messages that were held at a time. */
  most = 0;
  readonly #account: ByteAccount | undefined;

  /** What is held also counts in `account`, where there is one, each message with what it takes beside its bytes. */
  constructor(maxMessages: number, maxBytes: number, account?: ByteAccount) {
    this.maxMessages = maxMessages;
    this.maxBytes = maxBytes;
    this.#account = account;
  }

  /** Whether one more message of this many bytes may be held. */
  fits(bytes: number): boolean {
    if (this.messages === 0) return true;
    return this.messages < this.maxMessages && this.bytes + bytes <= this.maxBytes;
  }

  /** How many more messages may be held, as far as can be said without knowing their sizes. */
  get room(): number {
    return this.bytes >= this.maxBytes ? 0 : Math.max(0, this.maxMessages - this.messages);
  }

  take(bytes: number): void {
    this.messages += 1;
    this.bytes += bytes;
    if (this.messages > this.most) this.most = this.messages;
    this.#account?.add(bytes + MESSAGE_OVERHEAD_BYTES);
  }

  /** For who keeps what is held himself: it is so much now, whatever the bound. */
  set(messages: number, bytes: number): void {
    const change = (messages - this.messages) * MESSAGE_OVERHEAD_BYTES + bytes - this.bytes;
    this.messages = messages;
    this.bytes = bytes;
    if (messages > this.most) this.most = messages;
    if (change !== 0) this.#account?.add(change);
  }

  give(bytes: number): void {
    this.messages -= 1;
    this.bytes -= bytes;
    this.#account?.add(-bytes - MESSAGE_OVERHEAD_BYTES);
  }
}
