import { SluiceError } from '../core/errors.js';
import { MESSAGE_OVERHEAD_BYTES, type ByteAccount } from '../flow/byte-account.js';
import { detached } from '../session/detached-message.js';
import { messageSize } from '../wire/codec.js';
import { isData, weightOf, type DataMessage } from '../wire/messages.js';
import type { Receiving } from './connection-sessions.js';

/** What may come before the answer. */
export interface UndecidedLimits {
  readonly maxData: number;
  readonly maxDataBytes: number;
  /** Beside data: acks, Pause, Close, … */
  readonly maxOthers: number;
  readonly maxOtherBytes: number;
}

/** What may follow a fresh Open before it is answered (docs/protocol.md, "Opening" and D33). */
export const BEHIND_AN_OPEN: UndecidedLimits = {
  maxData: 64,
  maxDataBytes: 64 * 1024,
  maxOthers: 64,
  maxOtherBytes: 64 * 1024,
};

/** Where reading stops meanwhile: what had been read by then comes, and no more. */
export const WHAT_WAS_READ: UndecidedLimits = {
  maxData: Infinity,
  maxDataBytes: Infinity,
  maxOthers: Infinity,
  maxOtherBytes: Infinity,
};

/**
 * An Open that somebody else is asked about, and what has come for its session
 * since: that waits for the answer, in order.
 */
export class UndecidedOpen implements Receiving {
  readonly sessionId: string;
  readonly abort = new AbortController();
  /** Undefined while it is open; then whether it may go on, or what refuses it. */
  verdict: 'allowed' | SluiceError | undefined;
  readonly #account: ByteAccount;
  readonly #limits: UndecidedLimits;
  readonly #overflowed: (error: SluiceError) => void;
  #waiting: DataMessage[] = [];
  #data = 0;
  #dataBytes = 0;
  #otherBytes = 0;
  #heldBytes = 0;

  constructor(
    sessionId: string,
    account: ByteAccount,
    limits: UndecidedLimits,
    overflowed: (error: SluiceError) => void,
  ) {
    this.sessionId = sessionId;
    this.#account = account;
    this.#limits = limits;
    this.#overflowed = overflowed;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Keeps what comes for the session, or gives the Open up when that is more than may come. */
  receive(message: DataMessage): void {
    const forRoute = isData(message);
    // Control beside data says nothing.
    const kept = detached(
      forRoute && message.control !== undefined ? { ...message, control: undefined } : message,
    );
    const bytes = messageSize(kept);
    const tooMuch = forRoute ? this.#takeData(weightOf(kept)) : this.#takeOther(bytes);
    if (tooMuch !== undefined) {
      this.#overflowed(tooMuch);
      return;
    }
    this.#waiting.push(kept);
    const held = bytes + MESSAGE_OVERHEAD_BYTES;
    this.#heldBytes += held;
    this.#account.add(held);
  }

  /** Nobody waits for the answer any more. Returns how many messages for the route have waited in vain. */
  abandon(): number {
    const inVain = this.#data;
    this.abort.abort();
    this.takeWaiting();
    return inVain;
  }

  /** What waited; it holds nothing from here on. */
  takeWaiting(): readonly DataMessage[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#account.add(-this.#heldBytes);
    this.#heldBytes = 0;
    this.#data = 0;
    this.#dataBytes = 0;
    this.#otherBytes = 0;
    return waiting;
  }

  /** As in a window: one message always fits. */
  #takeData(weight: number): SluiceError | undefined {
    const { maxData, maxDataBytes } = this.#limits;
    if (this.#data > 0 && (this.#data >= maxData || this.#dataBytes + weight > maxDataBytes)) {
      return new SluiceError(
        'WINDOW_EXCEEDED',
        `more than ${maxData} messages or ${maxDataBytes} bytes follow an Open that is not answered yet`,
      );
    }
    this.#data += 1;
    this.#dataBytes += weight;
    return undefined;
  }

  #takeOther(bytes: number): SluiceError | undefined {
    const { maxOthers, maxOtherBytes } = this.#limits;
    if (this.#waiting.length - this.#data >= maxOthers || this.#otherBytes + bytes > maxOtherBytes) {
      return new SluiceError(
        'INVALID_MESSAGE',
        `more than ${maxOthers} control messages or ${maxOtherBytes} bytes of them follow an Open that is not answered yet`,
      );
    }
    this.#otherBytes += bytes;
    return undefined;
  }
}
