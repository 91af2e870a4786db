/**
 * The client's side of one session, as docs/protocol.md has it: opened with a
 * token of its own, resumed on any connection, ended once. It knows no network:
 * `next` gives what to write, `receive` takes what came.
 */
import { randomBytes } from 'node:crypto';
import {
  type Control,
  controlMessage,
  type DataMessage,
  dataMessage,
  MessageType,
  type Opened,
} from '../../src/wire/messages.js';
import { type Consumer, Incoming } from './windowed-incoming.js';
import { Outgoing, type Settled } from './windowed-outgoing.js';
import type { Size } from './windowed-send-room.js';

/** The end of a session that the gateway no longer has: it was Opened without a token. */
export const GONE = 'GONE';
/** The end of a session whose gateway did what the protocol forbids. */
const VIOLATION = 'VIOLATION';

export interface SessionOver {
  /** `Closed.code`, "" when it was closed as asked; GONE; VIOLATION; or why there is no connection any more. */
  readonly code: string;
  readonly reason: string;
  readonly retryAfterMs: number;
  /** Sent, and neither accepted nor failed: after GONE not known to be handled, else not finished. */
  readonly unsettled: number;
}

/** What another process needs to go on with a session. */
export interface SessionMemory {
  readonly token: Uint8Array;
  readonly attempt: number;
  /** What was received and not consumed will be sent again. */
  readonly consumed: number;
  readonly lastSent: number;
  readonly unacknowledged: readonly DataMessage[];
}

export interface SessionOptions extends Consumer {
  readonly route?: string;
  readonly subject?: string;
  /** What the client is prepared to hold. Default: the gateway's. */
  readonly window?: Size;
  readonly overflow?: number;
  /** Goes on with a session instead of opening one. */
  readonly memory?: SessionMemory;
  readonly onSettled?: Settled;
  readonly onOpened?: (opened: Opened) => void;
}

/** `due`: its Open is to be written. `opening`: it was. `lost`: there is no connection. */
export type SessionPhase = 'lost' | 'due' | 'opening' | 'open' | 'over';

export class WindowedSession {
  readonly id: string;
  /** Whether it was ever Opened: resolves at the first Opened, or at its end. */
  readonly opened: Promise<boolean>;
  /** Resolves at its end, whatever that is; never rejects. */
  readonly over: Promise<SessionOver>;
  readonly #options: SessionOptions;
  /** Something is to be written. */
  readonly #wake: () => void;
  readonly #token: Uint8Array;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  #resolveOpened: (opened: boolean) => void = () => undefined;
  #resolveOver: (over: SessionOver) => void = () => undefined;
  #phase: SessionPhase = 'lost';
  /** Opens written so far: the newest wins, so each has a number above the one before. */
  #attempt: number;
  /** After Opened the ack comes first: what was told on an older connection may be lost. */
  #restateDue = false;
  #windowDue = false;
  #paused = false;
  #pauseDue = false;
  #closing = false;
  #closeDue = false;

  constructor(id: string, options: SessionOptions, wake: () => void) {
    const { memory, window, onSettled = () => undefined } = options;
    this.id = id;
    this.#options = options;
    this.#wake = wake;
    this.#token = memory?.token ?? randomBytes(16);
    this.#attempt = memory?.attempt ?? 0;
    this.#outgoing = new Outgoing(onSettled, memory?.lastSent, memory?.unacknowledged);
    this.#incoming = new Incoming(options, window, memory?.consumed ?? 0, wake);
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** Messages sent and not settled. */
  get unacknowledged(): number {
    return this.#outgoing.count;
  }

  /** Messages and Gaps received and not consumed. */
  get unconsumed(): number {
    return this.#incoming.count;
  }

  get memory(): SessionMemory {
    return {
      token: this.#token,
      attempt: this.#attempt,
      consumed: this.#incoming.consumed,
      lastSent: this.#outgoing.last,
      unacknowledged: this.#outgoing.unacknowledged,
    };
  }

  /**
   * Sends one message, or a payload in pieces that fit the gateway's window
   * together, as soon as there is room; resolves with its last sequence. From
   * then on it will be settled, or the session's end says that it was not.
   * Rejects when the session is over or closing, or too many sends wait already.
   */
  async send(
    data: Uint8Array | readonly Uint8Array[],
    fields: Partial<Pick<DataMessage, 'metadata' | 'key' | 'more'>> = {},
  ): Promise<number> {
    if (this.#closing) throw new Error(`session ${this.id} is closing`);
    const pieces = (data instanceof Uint8Array ? [data] : data).map((piece, i, { length }) =>
      dataMessage({ ...fields, sessionId: this.id, data: piece, ...(i < length - 1 && { more: true }) }),
    );
    return await this.#outgoing.send(pieces, this.#wake);
  }

  /** Asks for the end, behind all that was sent; go on consuming until it is there. */
  async close(): Promise<SessionOver> {
    this.#closing = true;
    // Sends that still wait for room come first.
    await this.#outgoing.idle();
    this.#closeDue = true;
    this.#wake();
    return await this.over;
  }

  /** Wants no messages for a while, or wants them again. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#pauseDue = true;
    this.#wake();
  }

  changeWindow(window: Size): void {
    this.#incoming.window = window;
    this.#windowDue = true;
    this.#wake();
  }

  /** There is a connection. */
  attach(): void {
    if (this.#phase === 'lost') this.#phase = 'due';
  }

  /** It is gone. */
  lose(): void {
    if (this.#phase !== 'over') this.#phase = 'lost';
  }

  /** The end; the client says so where no gateway can any more. */
  end(code: string, reason = '', retryAfterMs = 0): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    const unsettled = this.#outgoing.end(new Error(`session ${this.id} is over: ${code} ${reason}`));
    this.#resolveOpened(false);
    this.#resolveOver({ code, reason, retryAfterMs, unsettled });
  }

  /** The next message to write, if there is one: never more than the gateway's window allows. */
  next(): DataMessage | undefined {
    switch (this.#phase) {
      case 'due':
        return this.#open();
      case 'opening':
        // A resuming Open is followed by nothing, a fresh one by what the floor allows; nothing is acknowledged yet.
        return this.#attempt === 1 ? this.#outgoing.next() : undefined;
      case 'open':
        return this.#nextOfOpen();
      default:
        return undefined;
    }
  }

  receive(message: DataMessage): void {
    const { control } = message;
    if (this.#phase !== 'opening' && this.#phase !== 'open') return;
    if (this.#phase === 'opening' && (message.type === MessageType.DATA || control?.action === 'gap')) {
      this.end(VIOLATION, 'DATA or Gap before Opened');
      return;
    }
    // An ack that rides on Opened comes after the window and the position it belongs to.
    if (control?.action === 'opened') this.#opened(control, message.ack);
    else {
      this.#settle(message.ack);
      if (message.type === MessageType.DATA) this.#check(this.#incoming.message(message));
      else if (control !== undefined) this.#controlled(control);
    }
  }

  #nextOfOpen(): DataMessage | undefined {
    if (this.#restateDue) return this.#ack();
    if (this.#pauseDue) {
      this.#pauseDue = false;
      return this.#control(this.#paused ? { action: 'pause', reason: '' } : { action: 'resume' });
    }
    if (this.#windowDue && this.#incoming.window !== undefined) {
      this.#windowDue = false;
      this.#incoming.windowTold();
      return this.#control({ action: 'window', ...this.#incoming.window });
    }
    const message = this.#outgoing.next();
    if (message !== undefined) return { ...message, ack: this.#incoming.tell() };
    if (this.#incoming.isAckDue) return this.#ack();
    // Close goes behind all DATA, also behind what the window holds back.
    if (!this.#closeDue || !this.#outgoing.isIdle) return undefined;
    this.#closeDue = false;
    return this.#control({ action: 'close' });
  }

  #open(): DataMessage {
    this.#phase = 'opening';
    const resume = this.#attempt > 0;
    this.#attempt += 1;
    this.#outgoing.opening(resume);
    this.#incoming.opening();
    this.#windowDue = false;
    const { route = '', subject = '', overflow = 0 } = this.#options;
    const { position, window } = this.#incoming;
    return this.#control({
      action: 'open',
      ...{ route, subject, resumeToken: this.#token, lastReceivedSequence: position },
      ...{ windowMessages: window?.messages ?? 0, windowBytes: window?.bytes ?? 0 },
      ...{ overflow, history: 0, afterSequence: 0, resume, attempt: this.#attempt },
    });
  }

  #opened(opened: Opened, ack: number): void {
    if (opened.resumeToken.length === 0) {
      this.end(GONE, 'the gateway has no such session any more');
      return;
    }
    this.#phase = 'open';
    // Of a fresh session, what was written behind the Open is on its way on this very connection.
    if (opened.resumed && !this.#outgoing.resumed(opened.lastReceivedSequence)) {
      this.end(VIOLATION, `Opened names ${opened.lastReceivedSequence}, which was never sent`);
      return;
    }
    this.#outgoing.resize({ messages: opened.windowMessages, bytes: opened.windowBytes });
    this.#settle(ack);
    this.#restateDue = this.#incoming.consumed > 0;
    // A new attachment begins unpaused, and knows of no Close.
    this.#pauseDue = this.#paused;
    this.#closeDue = this.#closing;
    this.#resolveOpened(true);
    this.#options.onOpened?.(opened);
  }

  #controlled(control: Control): void {
    switch (control.action) {
      case 'error':
        this.#outgoing.failed(control);
        break;
      case 'gap':
        this.#check(this.#incoming.gap(control));
        break;
      case 'window':
        this.#outgoing.resize(control);
        break;
      case 'closed':
        this.end(control.code, control.reason, control.retryAfterMs);
        break;
      default:
        break; // Pause and Resume are advice: what is sent now only waits. The rest is from a later version.
    }
  }

  #settle(ack: number): void {
    if (!this.#outgoing.settle(ack)) this.end(VIOLATION, `ack ${ack} is above what was sent`);
  }

  #check(fault: string | undefined): void {
    if (fault !== undefined) this.end(VIOLATION, fault);
  }

  #ack(): DataMessage {
    this.#restateDue = false;
    return dataMessage({ type: MessageType.ACK, sessionId: this.id, ack: this.#incoming.tell() });
  }

  #control(control: Control): DataMessage {
    return controlMessage(control, this.id);
  }
}
