import { RingQueue } from '../../flow/ring-queue.js';
import { fits, Load, type Size } from '../../flow/window.js';
import { type DataMessage, type Gap, weightOf } from '../../wire/messages.js';
import type { GapNotice, Message } from '../message.js';
import { joined, ReceivedMessage } from './received-message.js';

export interface IncomingOptions {
  /** What we hold for the gateway: it is held to it. */
  readonly window: Size;
  /** Whether payloads are given in the pieces they come in. */
  readonly pieces: boolean;
  /** There is something to tell the gateway. */
  readonly ackDue: () => void;
  /** The gateway did what can't be borne; it is to be told off. */
  readonly violated: (how: string) => void;
}

/** The next thing the application is to be told. */
export type Taken = Message | { readonly gap: GapNotice };

/** The most a payload may come to of which pieces were acknowledged before its end. */
const MAX_JOINED_BYTES = 64 * 1024 * 1024;

/**
 * Gateway to client, one session: `told <= consumed <= position`. What is above
 * `told`, the last ack written, is in flight for the gateway, and bounded by our
 * window; what is above `consumed` the application has not taken, or not done with.
 */
export class Incoming {
  readonly #options: IncomingOptions;
  /** Messages and Gaps that were not taken. */
  readonly #queue = new RingQueue<DataMessage>();
  /** How many payloads end in the queue, by their last piece or cut off by a Gap. */
  #endsQueued = 0;
  #gapsQueued = 0;
  /** The first ones of the queue that are of a session before a reset: nobody waits for their acks. */
  #stale = 0;
  readonly #staleLoad = new Load();
  /** Of the present session: what came and was not told to be consumed. */
  readonly #inFlight = new Load();
  /** Of that, what is consumed. */
  readonly #untold = new Load();
  /** What was taken of a payload that is not complete. */
  #pieces: DataMessage[] = [];
  #piecesBytes = 0;
  /** What the application has before it: consumed when it takes the next. */
  #takenSequence = 0;
  readonly #taken = new Load();
  #position = 0;
  #consumed = 0;
  #ackDue = false;
  /** Nobody takes anything any more: all that comes is consumed at once. */
  #discards = false;
  /** Payloads that were discarded. */
  discarded = 0;

  constructor(options: IncomingOptions) {
    this.#options = options;
  }

  /** The last sequence received; only Open speaks of it. */
  get position(): number {
    return this.#position;
  }

  get isAckDue(): boolean {
    return this.#ackDue;
  }

  /** Whether something was acknowledged, so that a new connection has to be told. */
  get hasConsumed(): boolean {
    return this.#consumed > 0;
  }

  /** Messages and Gaps that were not taken. */
  get count(): number {
    return this.#queue.length;
  }

  /** Bytes that came and were not taken. */
  get bytes(): number {
    return this.#staleLoad.bytes + this.#inFlight.bytes - this.#untold.bytes;
  }

  /** Whether there is room for the whole window beside what is left of sessions before a reset. */
  get hasRoomForAnother(): boolean {
    const { messages, bytes } = this.#staleLoad;
    const { window } = this.#options;
    return messages <= 1 || (messages <= window.messages && bytes <= window.bytes);
  }

  /** The ack that goes out now; 0: nothing was consumed yet. */
  tell(): number {
    this.#ackDue = false;
    this.#inFlight.messages -= this.#untold.messages;
    this.#inFlight.bytes -= this.#untold.bytes;
    this.#untold.clear();
    return this.#consumed;
  }

  /** Returns what is wrong with it, if anything is. */
  message(message: DataMessage): string | undefined {
    const { sequence } = message;
    if (sequence !== this.#position + 1) return this.#strayed(sequence);
    const bytes = weightOf(message);
    const { window } = this.#options;
    if (!fits(window, this.#inFlight, 1, bytes)) {
      const { messages, bytes: held } = this.#inFlight;
      return `${messages + 1} messages of ${held + bytes} bytes are in flight, our window is ${window.messages} messages and ${window.bytes} bytes`;
    }
    this.#inFlight.add(bytes);
    this.#position = sequence;
    if (this.#discards) {
      if (!message.more) this.discarded += 1;
      this.#consume(sequence, 1, bytes);
      return undefined;
    }
    this.#queue.push(message);
    if (!message.more) this.#endsQueued += 1;
    return undefined;
  }

  /** As `message`. A gap takes no room in the window. */
  gap(message: DataMessage, { fromSequence, toSequence }: Gap): string | undefined {
    if (fromSequence !== this.#position + 1 || toSequence < fromSequence) return this.#strayed(fromSequence);
    this.#position = toSequence;
    if (this.#discards) {
      this.#consume(toSequence, 0, 0);
      return undefined;
    }
    // It takes no room in the window, but some here: no honest gateway has so much to say without an ack.
    if (this.#gapsQueued > this.#options.window.messages)
      return `${this.#gapsQueued} Gaps wait to be read already`;
    this.#queue.push(message);
    this.#endsQueued += 1;
    this.#gapsQueued += 1;
    return undefined;
  }

  /** The next thing for the application; undefined: nothing yet. It is done with what it took before. */
  take(): Taken | undefined {
    this.release();
    for (let first = this.#queue.peek(); first !== undefined; first = this.#queue.peek()) {
      if (first.control !== undefined) return this.#takeGap();
      if (this.#options.pieces || (!first.more && this.#pieces.length === 0)) {
        this.#shift();
        return new ReceivedMessage(first);
      }
      if (this.#endsQueued === 0) {
        if (this.#leavesNoRoom) this.#ackPieces();
        return undefined;
      }
      // Where a Gap has cut it, the Gap is next.
      const payload = this.#takePayload();
      if (payload !== undefined) return payload;
    }
    return undefined;
  }

  /** The application is done with what it took. */
  release(): void {
    const sequence = this.#takenSequence;
    if (sequence === 0) return;
    const { messages, bytes } = this.#taken;
    this.#takenSequence = 0;
    this.#taken.clear();
    this.#consume(sequence, messages, bytes);
  }

  /** What is left, and what still comes, is consumed and given to nobody. */
  discard(): void {
    this.#discards = true;
    for (let message = this.#shift(); message !== undefined; message = this.#shift()) {
      if (message.control === undefined && !message.more) this.discarded += 1;
    }
    this.#forgetPieces();
    this.release();
  }

  /** What is left is the application's alone; all that came counts as consumed, and so does what still comes. */
  letGo(): void {
    const { position } = this;
    this.reset();
    this.#position = position;
    this.#discards = true;
    if (position > 0) this.#consume(position, 0, 0);
  }

  /** Sequences begin at 1 again. What was not taken is still to be taken; nobody waits for its acks. */
  reset(): void {
    this.ended();
    this.#stale = this.#queue.length;
    this.#staleLoad.messages += this.#inFlight.messages - this.#untold.messages - this.#taken.messages;
    this.#staleLoad.bytes += this.#inFlight.bytes - this.#untold.bytes - this.#taken.bytes;
    this.#inFlight.clear();
    this.#untold.clear();
    this.#taken.clear();
    this.#takenSequence = 0;
    this.#position = this.#consumed = 0;
    this.#ackDue = false;
  }

  /** Nothing more will come: a payload that is not complete never will be. */
  ended(): void {
    this.#forgetPieces();
    const left = this.#queue.toArray();
    while (left.at(-1)?.more === true && !this.#options.pieces) {
      const piece = left.pop();
      // As if it had been consumed: it is the tail of all that came.
      if (piece !== undefined && left.length >= this.#stale) this.#inFlight.subtract(weightOf(piece));
    }
    if (left.length === this.#queue.length) return;
    this.#queue.clear();
    for (const message of left) this.#queue.push(message);
  }

  /** Whether an unfinished payload fills so much of our window that its rest may find no room (protocol.md, D22). */
  get #leavesNoRoom(): boolean {
    const { window } = this.#options;
    return this.#inFlight.messages * 2 >= window.messages || this.#inFlight.bytes * 2 >= window.bytes;
  }

  /** Takes what there is of an unfinished payload and acknowledges it: it is ours to hold now. */
  #ackPieces(): void {
    for (let piece = this.#shift(); piece !== undefined; piece = this.#shift()) {
      this.#pieces.push(piece);
      this.#piecesBytes += weightOf(piece);
    }
    if (this.#piecesBytes > MAX_JOINED_BYTES)
      this.#options.violated(
        `a payload of more than ${MAX_JOINED_BYTES} bytes: open the session with pieces: true`,
      );
    else this.release();
  }

  /** The payload that the queue begins with, or goes on with; undefined: a Gap has cut it off. */
  #takePayload(): Message | undefined {
    for (let piece = this.#queue.peek(); piece !== undefined; piece = this.#queue.peek()) {
      if (piece.control !== undefined) return undefined;
      this.#shift();
      this.#pieces.push(piece);
      if (!piece.more) break;
    }
    const payload = joined(this.#pieces);
    this.#forgetPieces();
    return payload;
  }

  #takeGap(): { readonly gap: GapNotice } {
    const { control } = this.#shift() as DataMessage;
    const { fromSequence, toSequence, reason } = control as Gap;
    // What came of a payload that the Gap has cut off is of no use.
    const from = this.#pieces[0]?.sequence ?? fromSequence;
    this.#forgetPieces();
    // It is told here and now; all before it is done with.
    this.release();
    return { gap: { fromSequence: from, toSequence, reason } };
  }

  #shift(): DataMessage | undefined {
    const message = this.#queue.shift();
    if (message === undefined) return undefined;
    const { control } = message;
    if (control !== undefined || !message.more) this.#endsQueued -= 1;
    if (control !== undefined) this.#gapsQueued -= 1;
    if (this.#stale > 0) {
      this.#stale -= 1;
      if (control === undefined) this.#staleLoad.subtract(weightOf(message));
      if (this.#stale === 0 || this.hasRoomForAnother) this.#options.ackDue();
    } else if (control === undefined) {
      this.#taken.add(weightOf(message));
      this.#takenSequence = message.sequence;
    } else {
      this.#takenSequence = (control as Gap).toSequence;
    }
    return message;
  }

  #forgetPieces(): void {
    if (this.#pieces.length > 0) this.#pieces = [];
    this.#piecesBytes = 0;
  }

  #consume(sequence: number, messages: number, bytes: number): void {
    this.#consumed = sequence;
    this.#untold.messages += messages;
    this.#untold.bytes += bytes;
    if (this.#ackDue) return;
    this.#ackDue = true;
    this.#options.ackDue();
  }

  #strayed(sequence: number): string {
    return `sequence ${sequence} does not follow ${this.#position}: lost without a Gap, or repeated`;
  }
}
