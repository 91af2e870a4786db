import { LinkedList } from '../../flow/linked-list.js';
import { changed, fits, largest, Load, type Size } from '../../flow/window.js';
import type { DataMessage, WireError } from '../../wire/messages.js';
import type { Overflow } from '../options.js';
import { type Dropped, type Offer, OutgoingBuffer } from './outgoing-buffer.js';
import type { OutgoingPayload } from './outgoing-payload.js';

export interface OutgoingOptions {
  readonly sessionId: string;
  readonly bound: Size;
  readonly overflow: Overflow;
  /** Clock.now(). */
  readonly now: () => number;
  readonly dropped: Dropped;
  /** All of it is acknowledged; `payload.error` says whether the route failed on it. */
  readonly settled: (payload: OutgoingPayload) => void;
  /** One that waited fits neither one message nor, in pieces, the gateway's window: it is held no more. */
  readonly tooLarge: (payload: OutgoingPayload) => void;
  /** The same of one that goes on with what was sent: it is held, and with it all that waits. */
  readonly cutOff: (payload: OutgoingPayload) => void;
}

/** `taken`: it has its sequence. `too-large`: it never will. Else it waits, or not: see `Offer`. */
export type Sent = 'taken' | 'too-large' | Offer;

const NO_WINDOW: Size = { messages: 0, bytes: 0 };

/**
 * Client to gateway, one session. What was given a sequence is kept until it is
 * acknowledged: `acked <= written <= last`, of which what is above `written` is
 * yet to be written on this connection. All else waits, unnumbered.
 */
export class Outgoing {
  readonly buffer: OutgoingBuffer;
  readonly #options: OutgoingOptions;
  /** Numbered and not settled, by sequence. */
  readonly #list = new LinkedList<OutgoingPayload>();
  /** All that is numbered and not acknowledged: the gateway's window bounds it, one payload at the end aside. */
  readonly #numbered = new Load();
  /** What of it the gateway has or is on its way there: never more than its window. */
  readonly #flight = new Load();
  #window = NO_WINDOW;
  /** The largest of this attachment: within it a payload that was begun may be finished (protocol.md, D22). */
  #largest = NO_WINDOW;
  #maxMessageBytes = 0;
  /** Whether sequences may be given: the session is open on a connection. */
  #isOpen = false;
  /** Whether the payload that was last offered goes on. */
  #midPayload = false;
  #acked = 0;
  #written = 0;
  #last = 0;
  /** Whether the payload that was last numbered, or was last taken back, goes on. */
  #goesOn = false;
  /** What holds the sequence behind `written`. */
  #cursor: OutgoingPayload | undefined;

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.buffer = new OutgoingBuffer(options.bound, options.overflow, options.dropped);
  }

  /** What is numbered and not acknowledged, in messages and bytes. A live view. */
  get unacknowledged(): Size {
    return this.#numbered;
  }

  /** What a payload has to fit. */
  get limits(): { readonly window: Size; readonly maxMessageBytes: number } {
    return { window: this.#largest, maxMessageBytes: this.#maxMessageBytes };
  }

  /** Whether something is to be written, if the window has room for it. */
  get isDue(): boolean {
    return this.#cursor !== undefined;
  }

  /** Whether all is written. */
  get isWritten(): boolean {
    return this.#cursor === undefined && this.buffer.count === 0;
  }

  /** Whether there is nothing whose fate is open. */
  get isSettled(): boolean {
    return this.#acked === this.#last && this.buffer.count === 0;
  }

  send(payload: OutgoingPayload): Sent {
    payload.begins = !this.#midPayload;
    if (this.buffer.dropsWithRest(payload)) {
      this.#midPayload = payload.more;
      return 'dropped';
    }
    if (this.#isOpen && !this.#measure(payload)) return 'too-large';
    const sent = this.#take(payload);
    if (sent === 'taken' || sent === 'waits' || sent === 'dropped') this.#midPayload = payload.more;
    return sent;
  }

  /**
   * It is told that it is too large, or that there is no room for it: with its piece missing, the rest of a payload
   * would be another one. False: a part of it was sent, and nothing can go on behind that.
   */
  refuse(payload: OutgoingPayload): boolean {
    if (!this.buffer.refuse(payload)) return false;
    this.#midPayload = payload.more;
    return true;
  }

  /** Nothing is written, and nothing numbered, until it is open again. */
  closed(): void {
    this.#isOpen = false;
  }

  /**
   * Open on a connection, with the window the gateway grants; it holds all that
   * was sent up to `received`. False: that can't be.
   */
  opened(received: number, window: Size, maxMessageBytes: number): boolean {
    if (received < this.#acked || received > this.#last) return false;
    this.#window = this.#largest = window;
    this.#maxMessageBytes = maxMessageBytes;
    this.#isOpen = true;
    this.#rewind(received);
    return true;
  }

  /** A part of 0 stays as it is. */
  changeWindow(change: Size): void {
    this.#window = changed(this.#window, change);
    this.#largest = largest(this.#largest, this.#window);
    this.fill();
  }

  /** The next message to write, where the window has room for it; without its ack. */
  next(): DataMessage | undefined {
    const payload = this.#cursor;
    if (payload === undefined || !this.#isOpen) return undefined;
    const index = this.#written + 1 - payload.first;
    const bytes = payload.weightAt(index);
    const begins = index === 0 && payload.begins;
    if (!fits(begins ? this.#window : this.#largest, this.#flight, 1, bytes)) return undefined;
    this.#written += 1;
    this.#flight.add(bytes);
    if (index === payload.pieces - 1) this.#cursor = payload.next;
    return payload.messageAt(index, this.#options.sessionId);
  }

  /** An Error comes before the ack that covers it; of what is settled it says nothing. */
  failed(error: WireError): void {
    const { sequence } = error;
    if (sequence <= this.#acked || sequence > this.#written) return;
    let payload = this.#list.first;
    while (payload !== undefined && payload.lastSequence < sequence) payload = payload.next;
    if (payload !== undefined) payload.error ??= error;
  }

  /** Everything up to `ack` is done with. False: so much was not sent. */
  settle(ack: number): boolean {
    if (ack <= this.#acked) return true;
    if (ack > this.#written) return false;
    for (let payload = this.#list.first; payload !== undefined && this.#acked < ack;) {
      const upTo = Math.min(ack, payload.lastSequence);
      while (this.#acked < upTo) {
        this.#acked += 1;
        const bytes = payload.weightAt(this.#acked - payload.first);
        this.#flight.subtract(bytes);
        this.#numbered.subtract(bytes);
      }
      if (upTo < payload.lastSequence) break;
      const next = this.#list.remove(payload);
      this.#options.settled(payload);
      payload = next;
    }
    this.fill();
    return true;
  }

  /** Numbers what waits, as far as the window allows. */
  fill(): void {
    if (!this.#isOpen) return;
    const { buffer } = this;
    if (buffer.count === 0) return;
    buffer.expire(this.#options.now());
    for (let first = buffer.first; first !== undefined; first = buffer.first) {
      if (!this.#measure(first)) {
        // In the middle of a payload it stays where it is: nothing can go on behind it.
        if (!first.begins) {
          this.#options.cutOff(first);
          return;
        }
        buffer.shift();
        this.#options.tooLarge(first);
        this.#dropRestOf(first);
        continue;
      }
      if (!this.#hasRoom(first)) return;
      buffer.shift();
      this.#number(first);
    }
  }

  /** All that was sent and not settled, and what waits of a payload of which a part was; it is held here no more. */
  takeUnsettled(): OutgoingPayload[] {
    const unsettled: OutgoingPayload[] = [];
    for (let payload = this.#list.first; payload !== undefined; payload = this.#list.remove(payload)) {
      unsettled.push(payload);
    }
    if (this.#goesOn) unsettled.push(...this.buffer.takeRest());
    this.#goesOn = unsettled.at(-1)?.more ?? this.#goesOn;
    this.#numbered.clear();
    this.#flight.clear();
    this.#cursor = undefined;
    this.#isOpen = false;
    this.#acked = this.#written = this.#last = 0;
    return unsettled;
  }

  /**
   * What `takeUnsettled` gave is sent first; save pieces of a payload whose
   * beginning was handled: without it they would be another payload.
   */
  sendAgain(payloads: readonly OutgoingPayload[], error: unknown): void {
    const begin = payloads.findIndex(({ begins }) => begins);
    if (begin === -1) {
      this.#giveUp(payloads, error);
      this.abandon([], error);
      return;
    }
    this.#giveUp(payloads.slice(0, begin), error);
    const whole = payloads.slice(begin);
    for (const payload of whole) payload.forgetNumber();
    this.buffer.sendAgain(whole);
    this.#goesOn = false;
  }

  /** They were to be sent again, and can't be. */
  #giveUp(payloads: readonly OutgoingPayload[], error: unknown): void {
    for (const payload of payloads) {
      payload.reject(error);
      this.#options.dropped(payload, 'reset');
    }
  }

  /** What `takeUnsettled` gave will not be sent again, nor what goes on with it. */
  abandon(payloads: readonly OutgoingPayload[], error: unknown): void {
    for (const payload of payloads) payload.reject(error);
    if (this.#goesOn) this.buffer.dropRest();
    this.#goesOn = false;
  }

  /** Nobody wants it sent any more. False: it was, or it is a piece, without which the others would be another payload. */
  withdraw(payload: OutgoingPayload): boolean {
    if (!payload.isWaiting || payload.more || !payload.begins) return false;
    this.buffer.withdraw(payload);
    this.fill();
    return true;
  }

  /** What goes on with a payload that begins with this one, which was refused. */
  #dropRestOf(begin: OutgoingPayload): void {
    let last = begin;
    if (last.more) {
      for (const piece of this.buffer.takeRest()) {
        this.#options.dropped(piece, 'overflow');
        last = piece;
      }
    }
    if (last.more) this.buffer.dropRest();
  }

  #take(payload: OutgoingPayload): Sent {
    if (this.#isOpen && this.buffer.count === 0 && this.#hasRoom(payload)) {
      this.#number(payload);
      return 'taken';
    }
    return this.buffer.offer(payload, this.#options.now());
  }

  /** False: it is too large. */
  #measure(payload: OutgoingPayload): boolean {
    const isPossible = payload.divide(this.#options.sessionId, this.#maxMessageBytes);
    return isPossible && payload.fitsWindow(this.#largest);
  }

  #hasRoom(payload: OutgoingPayload): boolean {
    const window = payload.begins ? this.#window : this.#largest;
    return fits(window, this.#numbered, 1, payload.headWeight);
  }

  #number(payload: OutgoingPayload): void {
    payload.first = this.#last + 1;
    this.#last += payload.pieces;
    this.#goesOn = payload.more;
    this.#numbered.messages += payload.pieces;
    this.#numbered.bytes += payload.bytes;
    this.#list.append(payload);
    this.#cursor ??= payload;
    if (!payload.untilSettled) payload.resolve();
  }

  /** What is above `received` is yet to be written. */
  #rewind(received: number): void {
    this.#written = received;
    this.#flight.clear();
    let payload = this.#list.first;
    for (; payload !== undefined && payload.first <= received; payload = payload.next) {
      const upTo = Math.min(received, payload.lastSequence);
      for (let sequence = Math.max(payload.first, this.#acked + 1); sequence <= upTo; sequence += 1) {
        this.#flight.add(payload.weightAt(sequence - payload.first));
      }
      if (upTo < payload.lastSequence) break;
    }
    this.#cursor = payload;
  }
}
