import type { DropReason, FlowCounters } from '../../../src/core/counters.js';
import { OverflowPolicy, weightOf, type DataMessage } from '../../../src/wire/messages.js';
import { changed, fits, hasRoom, sizeOf, sizeOfMessages, type Size } from './window.js';

/** One message held for the client. */
interface Held {
  readonly sequence: number;
  /** The sequence of the first piece of its payload. */
  readonly payload: number;
  readonly message: DataMessage;
  readonly bytes: number;
  readonly key: string;
  readonly deadlineMs: number;
}

interface Lost {
  readonly from: number;
  to: number;
  readonly reason: string;
}

export type Admission = 'taken' | 'wait' | 'disconnect' | 'too-large';
export type Write =
  | { readonly kind: 'message'; readonly sequence: number; readonly message: DataMessage }
  | { readonly kind: 'gap'; readonly from: number; readonly to: number; readonly reason: string };

/**
 * Gateway to client, one session. Three marks over the sequences:
 * `acked <= cursor <= reached <= assigned`. What is held up to `cursor` is in
 * flight, up to `reached` was sent in an earlier attachment and is sent again,
 * above it waits. What is not held above `acked` is lost, so a Gap need not be
 * remembered: it is the room between the cursor and the next message held.
 * (`cursor < acked` only after a client resumed from before its own acks.)
 */
export class ModelOutbox {
  readonly #policy: number;
  readonly #bound: Size;
  readonly #counters: FlowCounters;
  #held: Held[] = [];
  /** Why ranges were lost; adjoining ones written together become one, so there is at most one more than held. */
  #lost: Lost[] = [];
  window: Size = { messages: 1, bytes: 1 };
  acked = 0;
  cursor = 0;
  reached = 0;
  assigned = 0;

  constructor(policy: number, bound: Size, counters: FlowCounters) {
    this.#policy = policy;
    this.#bound = bound;
    this.#counters = counters;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  get lostCount(): number {
    return this.#lost.length;
  }

  /** Everything was acknowledged past, gaps included: a session may end without loss. */
  get settled(): boolean {
    return this.acked === this.assigned;
  }

  get inFlight(): Size {
    return sizeOf(this.#held.filter(({ sequence }) => sequence <= this.cursor));
  }

  get waiting(): Size {
    return sizeOf(this.#waiting());
  }

  /** Whether `next` would give something, but for what expires first. */
  get sendable(): boolean {
    const head = this.#held.find(({ sequence }) => sequence > this.cursor);
    if (head !== undefined) return fits(this.window, this.inFlight, { messages: 1, bytes: head.bytes });
    return this.cursor < this.assigned && hasRoom(this.window, this.inFlight);
  }

  /** Takes one whole payload, if the policy lets it in now. */
  admit(pieces: readonly DataMessage[], nowMs: number): Admission {
    const size = sizeOfMessages(pieces);
    if (pieces.length > 1 && (this.#exceeds(this.window, size) || this.#exceeds(this.#bound, size)))
      return 'too-large';
    this.#expire(nowMs);
    const key = pieces[0]?.key ?? '';
    if (this.#policy === OverflowPolicy.CONFLATE && key !== '') {
      const older = this.#droppable().find((held) => held.key === key);
      if (older !== undefined) this.#dropPayload(older.payload, 'overflow');
    }
    while (!fits(this.#bound, this.waiting, size)) {
      if (this.#policy === OverflowPolicy.BLOCK) return 'wait';
      if (this.#policy === OverflowPolicy.DISCONNECT) return 'disconnect';
      if (this.#policy === OverflowPolicy.DROP_NEWEST) {
        const { payload } = this.#append(pieces, nowMs);
        this.#dropPayload(payload, 'overflow');
        return 'taken';
      }
      const oldest = this.#droppable()[0];
      // Only the rest of a payload under way waits: that is never dropped.
      if (oldest === undefined) return 'wait';
      this.#dropPayload(oldest.payload, 'overflow');
    }
    this.#append(pieces, nowMs);
    return 'taken';
  }

  /** The next message or Gap that the window lets out, now written. */
  next(nowMs: number): Write | undefined {
    this.#expire(nowMs);
    const head = this.#held.find(({ sequence }) => sequence > this.cursor);
    if (head === undefined) {
      if (this.cursor >= this.assigned || !hasRoom(this.window, this.inFlight)) return undefined;
      return this.gapTo(this.assigned);
    }
    if (!fits(this.window, this.inFlight, { messages: 1, bytes: head.bytes })) return undefined;
    if (head.sequence > this.cursor + 1) return this.gapTo(head.sequence - 1);
    this.#advance(head.sequence);
    return { kind: 'message', sequence: head.sequence, message: head.message };
  }

  /** Writes off everything up to `to`; `reason` where none is remembered. */
  gapTo(to: number, reason = 'RESUME_EXPIRED'): Write {
    const from = this.cursor + 1;
    const first = this.#lost.find((lost) => lost.from <= from && from <= lost.to);
    const gap: Lost = { from, to, reason: first?.reason ?? reason };
    this.#advance(to);
    this.#remember(gap);
    return { kind: 'gap', from, to, reason: gap.reason };
  }

  /** False: above what was sent in this attachment. */
  ack(sequence: number): boolean {
    if (sequence > Math.max(this.cursor, this.acked)) return false;
    if (sequence <= this.acked) return true;
    const before = this.#held.length;
    this.#held = this.#held.filter((held) => held.sequence > sequence);
    this.#lost = this.#lost.filter((lost) => lost.to > sequence);
    this.acked = sequence;
    this.#counters.delivered += before - this.#held.length;
    return true;
  }

  /** A new attachment goes on from the client's position. False: above what was ever sent. */
  attach(position: number, window: Size): boolean {
    if (position > this.reached) return false;
    this.cursor = position;
    this.window = window;
    return true;
  }

  changeWindow(change: Size): void {
    this.window = changed(this.window, change);
  }

  discard(reason: DropReason): void {
    this.#counters.droppedBy[reason] += this.#held.length;
    this.#held = [];
    this.#lost = [];
  }

  #exceeds(bound: Size, size: Size): boolean {
    return size.messages > bound.messages || size.bytes > bound.bytes;
  }

  #advance(to: number): void {
    this.cursor = to;
    this.reached = Math.max(this.reached, to);
  }

  #waiting(): Held[] {
    return this.#held.filter(({ sequence }) => sequence > this.reached);
  }

  /** Waiting messages of payloads of which no piece was ever sent. */
  #droppable(): Held[] {
    return this.#held.filter(({ payload }) => payload > this.reached);
  }

  #expire(nowMs: number): void {
    for (const held of this.#droppable())
      if (held.deadlineMs <= nowMs) this.#dropPayload(held.payload, 'expired');
  }

  #append(pieces: readonly DataMessage[], nowMs: number): Held {
    const payload = this.assigned + 1;
    const ttlMs = pieces[0]?.ttlMs ?? 0;
    const held = pieces.map((message, index) => ({
      sequence: payload + index,
      payload,
      message,
      bytes: weightOf(message),
      key: pieces[0]?.key ?? '',
      deadlineMs: ttlMs === 0 ? Infinity : nowMs + ttlMs,
    }));
    this.#held.push(...held);
    this.assigned += pieces.length;
    this.#counters.admitted += pieces.length;
    return held[0] as Held;
  }

  #dropPayload(payload: number, reason: 'overflow' | 'expired'): void {
    const dropped = this.#held.filter((held) => held.payload === payload);
    this.#held = this.#held.filter((held) => held.payload !== payload);
    this.#counters.droppedBy[reason] += dropped.length;
    const [first, last] = [dropped[0], dropped.at(-1)];
    if (first !== undefined && last !== undefined)
      this.#remember({ from: first.sequence, to: last.sequence, reason });
  }

  /** Adds a lost range; ranges inside it go, the adjoining on the same side of the cursor join, the first reason stays. */
  #remember(range: Lost): void {
    const kept = this.#lost.filter((lost) => lost.to < range.from || lost.from > range.to);
    const sorted = [...kept, range].sort((a, b) => a.from - b.from);
    this.#lost = [];
    for (const lost of sorted) {
      const previous = this.#lost.at(-1);
      const adjoins = previous !== undefined && previous.to + 1 === lost.from && previous.to !== this.cursor;
      if (adjoins) previous.to = lost.to;
      else this.#lost.push({ ...lost });
    }
  }
}
