import type { ErrorCode } from '../../core/errors.js';
import type { DropReason, FlowCounters } from '../../core/counters.js';
import { MESSAGE_OVERHEAD_BYTES } from '../../flow/byte-account.js';
import { RingQueue } from '../../flow/ring-queue.js';
import { changed, largest, Load, type Size } from '../../flow/window.js';
import { weightOf, type DataMessage, type WireError } from '../../wire/messages.js';
import { joined } from './payload.js';

export interface InboxOptions {
  /** Whether the route wants payloads whole, over however many messages they come (`more`). */
  readonly wantsWhole: boolean;
  /** The most a payload of several messages may weigh; one message has a limit of its own. */
  readonly maxPayloadBytes: number;
  readonly counters: FlowCounters;
  /** The account of the whole gateway, beside the session's own. */
  readonly total: FlowCounters;
}

/** What becomes of one DATA message: in; seen before (answer with the current ack); or what the session ends with. */
export type Reception =
  'admitted' | 'duplicate' | 'INVALID_MESSAGE' | 'SEQUENCE_GAP' | 'WINDOW_EXCEEDED' | 'MESSAGE_TOO_LARGE';

/** What a route keeps: made of so many messages. */
interface Aside {
  readonly pieces: number;
  readonly bytes: number;
}

/** Nothing is granted before the first attachment, save the one message that always fits. */
const NO_WINDOW: Size = { messages: 1, bytes: 1 };

/**
 * Client to gateway, one windowed session: `told <= finished <= received`. In
 * flight is what is above `told`, the last ack written, for the client can't
 * have seen a higher one. Bounded by the window that is enforced.
 */
export class Inbox {
  readonly #wantsWhole: boolean;
  readonly #maxPayloadBytes: number;
  readonly #counters: FlowCounters;
  readonly #total: FlowCounters;
  /** What waits for the route behind what it has before it. */
  readonly #queue = new RingQueue<DataMessage>();
  /** How many payloads end in the queue. */
  #payloadsQueued = 0;
  /** What the route has before it, made of so many messages. */
  #current: DataMessage | undefined;
  #currentPieces = 0;
  #currentBytes = 0;
  /** What a pipelined route has before that, first in first; made when there is something. */
  #aside: RingQueue<Aside> | undefined;
  #inFlightBytes = 0;
  /** Of these, what is finished. */
  #untoldBytes = 0;
  /** Neither accepted nor failed. */
  readonly #pending = new Load();
  /** The payload whose end has not come. */
  #unendedMessages = 0;
  #unendedBytes = 0;
  /** Errors that the client may not know of, ascending. */
  #errors: RingQueue<WireError> | undefined;
  #errorBytes = 0;
  /** The most messages ever granted in this session: how far back a client can be. */
  #reachMessages = 0;
  #granted = NO_WINDOW;
  #enforced = NO_WINDOW;
  #received = 0;
  #finished = 0;
  #told = 0;

  constructor({ wantsWhole, maxPayloadBytes, counters, total }: InboxOptions) {
    this.#wantsWhole = wantsWhole;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#counters = counters;
    this.#total = total;
  }

  /** Messages that the route has neither accepted nor failed. A live view. */
  get pending(): Size {
    return this.#pending;
  }

  /** Whether a payload has begun to come and not ended. */
  get midPayload(): boolean {
    return this.#unendedMessages > 0;
  }

  /** What is in flight as the client must see it: above the last ack written. */
  get inFlight(): Size {
    return { messages: this.#received - this.#told, bytes: this.#inFlightBytes };
  }

  /** The window that is enforced: the largest granted in this attachment. */
  get enforced(): Size {
    return this.#enforced;
  }

  /** The last window granted: what Opened says. */
  get granted(): Size {
    return this.#granted;
  }

  /** The highest sequence received, finished by the route, acknowledged to the client. */
  get received(): number {
    return this.#received;
  }

  get finished(): number {
    return this.#finished;
  }

  get told(): number {
    return this.#told;
  }

  /** Whether the client waits for an ack so much that it should not be left waiting for company: half its window. */
  get ackDue(): boolean {
    const { messages, bytes } = this.#granted;
    return (this.#finished - this.#told) * 2 >= messages || this.#untoldBytes * 2 >= bytes;
  }

  /** The Errors of the last window, ascending: to be repeated after each Opened, and kept when the session has ended. */
  get errors(): readonly WireError[] {
    return this.#errors?.toArray() ?? [];
  }

  /** What they take in memory. */
  get errorBytes(): number {
    return this.#errorBytes;
  }

  /** What an Opened may acknowledge: nothing that a repeated Error has yet to speak of. */
  get ackBeforeErrors(): number {
    const first = this.#errors?.peek();
    return first === undefined ? this.#finished : Math.min(this.#finished, first.sequence - 1);
  }

  /** A new attachment, granted this window: what was granted before does not count any more. */
  attach(granted: Size): void {
    this.#granted = this.#enforced = granted;
    this.#reachMessages = Math.max(this.#reachMessages, granted.messages);
  }

  /** A part of 0 stays as it is. The largest granted in this attachment stays enforced. */
  changeWindow(change: Size): void {
    this.#granted = changed(this.#granted, change);
    this.#enforced = largest(this.#enforced, this.#granted);
    this.#reachMessages = Math.max(this.#reachMessages, this.#enforced.messages);
  }

  receive(message: DataMessage): Reception {
    const { sequence } = message;
    if (sequence === 0) return 'INVALID_MESSAGE';
    if (sequence <= this.#received) return 'duplicate';
    if (sequence > this.#received + 1) return 'SEQUENCE_GAP';
    const bytes = weightOf(message);
    if (!this.#fitsWindow(bytes)) return 'WINDOW_EXCEEDED';
    this.#received = sequence;
    this.#inFlightBytes += bytes;
    this.#pending.add(bytes);
    this.#enqueue(message, bytes);
    this.#counters.admitted += 1;
    this.#counters.admittedBytes += bytes;
    this.#total.admitted += 1;
    this.#total.admittedBytes += bytes;
    this.#forgetSettled(sequence - this.#reachMessages);
    return this.#fillsUnfinished(message, bytes) ? 'MESSAGE_TOO_LARGE' : 'admitted';
  }

  /**
   * What the route has before it: one message, or one whole payload joined.
   * The same one until `accept`, `fail` or `setAside`; undefined where nothing is ready.
   */
  handling(): DataMessage | undefined {
    if (this.#current !== undefined) return this.#current;
    if (this.#wantsWhole && this.#payloadsQueued === 0) return undefined;
    const first = this.#shift();
    if (first === undefined) return undefined;
    this.#current = this.#wantsWhole && first.more ? this.#join(first) : first;
    return this.#current;
  }

  /** The route keeps what it has before it, and may be given what comes next beside it. */
  setAside(): void {
    (this.#aside ??= new RingQueue()).push({ pieces: this.#currentPieces, bytes: this.#currentBytes });
    this.#current = undefined;
    this.#currentPieces = 0;
    this.#currentBytes = 0;
  }

  /** The route is done with what it had before it; with the first of what it keeps, where it keeps something. */
  accept(): void {
    this.#finish();
  }

  /** The route failed on it. Returns the Error to write now; it is kept to be repeated. */
  fail(code: ErrorCode, message: string, retryAfterMs: number): WireError {
    this.#finish();
    const error: WireError = { action: 'error', code, message, sequence: this.#finished, retryAfterMs };
    (this.#errors ??= new RingQueue()).push(error);
    this.#errorBytes += costOf(error);
    return error;
  }

  /** The cumulative ack to write now, noted as told: what it covers is no longer in flight. */
  tell(): number {
    this.#inFlightBytes -= this.#untoldBytes;
    this.#untoldBytes = 0;
    this.#told = this.#finished;
    return this.#told;
  }

  /** Drops what the route was not done with, for the session has ended; counted under `reason`. */
  discard(reason: DropReason): void {
    this.#counters.droppedBy[reason] += this.#pending.messages;
    this.#total.droppedBy[reason] += this.#pending.messages;
    this.#pending.clear();
    this.#queue.clear();
    this.#aside = undefined;
    this.#payloadsQueued = 0;
    this.#current = undefined;
    this.#currentPieces = 0;
    this.#currentBytes = 0;
  }

  /** For a session that is over: who asks for them has been given them. */
  forgetErrors(): void {
    this.#errors = undefined;
    this.#errorBytes = 0;
  }

  /** Without an object for what is in flight: this is done for each message, and most sessions are in no cache. */
  #fitsWindow(bytes: number): boolean {
    const messages = this.#received - this.#told;
    if (messages === 0) return true;
    return messages < this.#enforced.messages && this.#inFlightBytes + bytes <= this.#enforced.bytes;
  }

  /** Most often nothing is before the route: it is given this at once, past the queue. */
  #enqueue(message: DataMessage, bytes: number): void {
    if (this.#current === undefined && this.#queue.length === 0 && !(this.#wantsWhole && message.more)) {
      this.#current = message;
      this.#currentPieces = 1;
      this.#currentBytes = bytes;
      return;
    }
    this.#queue.push(message);
    if (!message.more) this.#payloadsQueued += 1;
  }

  #shift(): DataMessage | undefined {
    const message = this.#queue.shift();
    if (message === undefined) return undefined;
    if (!message.more) this.#payloadsQueued -= 1;
    this.#currentPieces += 1;
    this.#currentBytes += weightOf(message);
    return message;
  }

  #join(first: DataMessage): DataMessage {
    const pieces = [first];
    for (let last = first; last.more;) {
      const piece = this.#shift();
      if (piece === undefined) break;
      pieces.push(piece);
      last = piece;
    }
    return joined(pieces);
  }

  #finish(): void {
    const first = this.#aside?.shift();
    if (first !== undefined) {
      this.#countFinished(first.pieces, first.bytes);
      return;
    }
    const pieces = this.#currentPieces;
    const bytes = this.#currentBytes;
    this.#current = undefined;
    this.#currentPieces = 0;
    this.#currentBytes = 0;
    this.#countFinished(pieces, bytes);
  }

  #countFinished(pieces: number, bytes: number): void {
    this.#pending.messages -= pieces;
    this.#pending.bytes -= bytes;
    this.#untoldBytes += bytes;
    this.#counters.delivered += pieces;
    this.#total.delivered += pieces;
    this.#finished += pieces;
  }

  /** Who sends something had settled, Errors included, all that is a window behind it. */
  #forgetSettled(through: number): void {
    const errors = this.#errors;
    if (errors === undefined) return;
    for (let error = errors.peek(); error !== undefined && error.sequence <= through; error = errors.peek()) {
      errors.shift();
      this.#errorBytes -= costOf(error);
    }
  }

  /** Whether this piece makes its payload larger than it may be, or fills the window with it unfinished. */
  #fillsUnfinished({ more }: DataMessage, bytes: number): boolean {
    if (!more && this.#unendedMessages === 0) return false;
    const messages = this.#unendedMessages + 1;
    const weight = this.#unendedBytes + bytes;
    this.#unendedMessages = more ? messages : 0;
    this.#unendedBytes = more ? weight : 0;
    if (weight > this.#maxPayloadBytes) return true;
    if (!more || !this.#wantsWhole) return false;
    return messages >= this.#enforced.messages || weight >= this.#enforced.bytes;
  }
}

function costOf({ code, message }: WireError): number {
  return MESSAGE_OVERHEAD_BYTES + code.length + message.length;
}
