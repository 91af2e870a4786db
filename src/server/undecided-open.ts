import { SluiceError } from '../core/errors.js';
import { MESSAGE_OVERHEAD_BYTES, type ByteAccount } from '../flow/byte-account.js';
import { detached } from '../session/detached-message.js';
import { MessageType, weightOf, type DataMessage } from '../wire/messages.js';
import type { Receiving } from './connection-sessions.js';

/** What may come before the answer. */
export interface UndecidedLimits {
  readonly maxData: number;
  readonly maxDataBytes: number;
  /** Beside data: acks, Pause, Close, … */
  readonly maxOthers: number;
}

/** What may follow a fresh Open before it is answered (docs/protocol.md, "Opening"). */
export const BEHIND_AN_OPEN: UndecidedLimits = { maxData: 64, maxDataBytes: 64 * 1024, maxOthers: 64 };

/** Where reading stops meanwhile: what had been read by then comes, and no more. */
export const WHAT_WAS_READ: UndecidedLimits = {
  maxData: Infinity,
  maxDataBytes: Infinity,
  maxOthers: Infinity,
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
  #bytes = 0;
  #accounted = 0;

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

  /** Keeps what comes for the session, or gives the Open up when that is more than may come. */
  receive(message: DataMessage): void {
    const { maxData, maxDataBytes, maxOthers } = this.#limits;
    const isData = message.type === MessageType.DATA || message.type === MessageType.UNSPECIFIED;
    const weight = weightOf(message);
    if (isData) {
      const fits = this.#data === 0 || (this.#data < maxData && this.#bytes + weight <= maxDataBytes);
      if (!fits) {
        this.#overflowed(
          new SluiceError(
            'WINDOW_EXCEEDED',
            `more than ${maxData} messages or ${maxDataBytes} bytes follow an Open that is not answered yet`,
          ),
        );
        return;
      }
      this.#data += 1;
      this.#bytes += weight;
    } else if (this.#waiting.length - this.#data >= maxOthers) {
      this.#overflowed(
        new SluiceError(
          'INVALID_MESSAGE',
          `more than ${maxOthers} control messages follow an Open that is not answered yet`,
        ),
      );
      return;
    }
    this.#waiting.push(detached(message));
    const held = weight + MESSAGE_OVERHEAD_BYTES;
    this.#accounted += held;
    this.#account.add(held);
  }

  /** What waited; it holds nothing from here on. */
  takeWaiting(): readonly DataMessage[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#account.add(-this.#accounted);
    this.#accounted = 0;
    this.#data = 0;
    this.#bytes = 0;
    return waiting;
  }
}
