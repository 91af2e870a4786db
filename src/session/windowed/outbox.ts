import type { DropReason, FlowCounters } from '../../core/counters.js';
import { LinkedList } from '../../flow/linked-list.js';
import { changed, fits, hasRoom, Load, type Size } from '../../flow/window.js';
import { controlMessage, dataMessage, weightOf, type DataMessage } from '../../wire/messages.js';
import { Deadlines } from './deadlines.js';
import { afterPayload, type Held } from './held.js';
import { LostRanges } from './lost-ranges.js';
import { detachedBytes } from '../detached-message.js';
import type { Overflow } from '../overflow.js';

export interface OutboxOptions {
  readonly sessionId: string;
  readonly overflow: Overflow;
  /** The most that may wait unsent; one payload always may when nothing waits. */
  readonly bound: Size;
  readonly counters: FlowCounters;
  /** The account of the whole gateway, beside the session's own. */
  readonly total: FlowCounters;
}

/**
 * What became of a payload: in (under drop-newest perhaps dropped at once,
 * counted and to be told); not yet, offer it again when `take` or `ack` has
 * made room; the policy ends the session; or it would never fit.
 */
export type Admission = 'taken' | 'wait' | 'disconnect' | 'too-large';

/** Nothing is granted before the first attachment, save the one message that always fits. */
const NO_WINDOW: Size = { messages: 1, bytes: 1 };

/**
 * Gateway to client, one windowed session. Four marks over the sequences:
 * `acked <= cursor <= reached <= assigned`. What is held up to the cursor is in
 * flight; up to `reached` it was sent in an earlier attachment and is sent
 * again; above, it waits, and only there the policy and the time to live act.
 * What is not held above `acked` is lost: a Gap is the room between the cursor
 * and the next message held, and only its reason is remembered.
 * (`cursor < acked` only after a client resumed from before its own acks.)
 *
 * Messages belong to the outbox once they are in it. Each step costs the same
 * however much is held; an attachment, and the passing of a time to live, walk
 * through it once.
 */
export class Outbox {
  readonly #sessionId: string;
  readonly #overflow: Overflow;
  readonly #bound: Size;
  readonly #counters: FlowCounters;
  readonly #total: FlowCounters;
  /** By sequence. A list, for conflation and the time to live drop from its middle, and most sessions are idle. */
  readonly #messages = new LinkedList<Held>();
  readonly #held = new Load();
  /** Made for the first loss. */
  #lost: LostRanges | undefined;
  readonly #inFlight = new Load();
  readonly #waiting = new Load();
  /** Under conflate: the first piece of the droppable payload of each key, of which there is one at most. */
  readonly #byKey: Map<string, Held> | undefined;
  /** The first message whose data may be a view of what it arrived in; so may that of all behind it. */
  #fresh: Held | undefined;
  /** The highest sequence given when `detach` was last called. */
  #assignedBefore = 0;
  /** The first message above the cursor. */
  #next: Held | undefined;
  /** The first message of payloads of which no piece was ever sent: what may be dropped. */
  #droppable: Held | undefined;
  /** Of the droppable payloads; made for the first that has one. */
  #deadlines: Deadlines | undefined;
  #window = NO_WINDOW;
  #acked = 0;
  #cursor = 0;
  #reached = 0;
  #assigned = 0;

  constructor({ sessionId, overflow, bound, counters, total }: OutboxOptions) {
    this.#sessionId = sessionId;
    this.#overflow = overflow;
    this.#bound = bound;
    this.#counters = counters;
    this.#total = total;
    if (overflow === 'conflate') this.#byKey = new Map();
  }

  /** Everything held: in flight, to be sent again, waiting. A live view. */
  get held(): Size {
    return this.#held;
  }

  /** Sent in this attachment or acknowledgeable in it, and not acknowledged. A live view. */
  get inFlight(): Size {
    return this.#inFlight;
  }

  /** Never sent. A live view. */
  get waiting(): Size {
    return this.#waiting;
  }

  /** How many ranges of lost messages are remembered: at most two more than messages are held. */
  get lostRanges(): number {
    return this.#lost?.count ?? 0;
  }

  /** Everything was acknowledged past, gaps included: the session may end without loss. */
  get settled(): boolean {
    return this.#acked === this.#assigned;
  }

  /** The highest sequence acknowledged: that it rises is the client's progress. */
  get acked(): number {
    return this.#acked;
  }

  /** The highest sequence written in this attachment, or where it began: what may be acknowledged. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The highest sequence ever written. */
  get reached(): number {
    return this.#reached;
  }

  /** The highest sequence given to a message. */
  get assigned(): number {
    return this.#assigned;
  }

  get window(): Size {
    return this.#window;
  }

  /** Whether `take` would give something now, as far as can be said without the time. */
  get sendable(): boolean {
    const next = this.#next;
    if (next !== undefined) return fits(this.#window, this.#inFlight, 1, next.bytes);
    return this.#cursor < this.#assigned && hasRoom(this.#window, this.#inFlight);
  }

  /**
   * Copies data that would keep what it arrived in alive, of what was there at
   * the last call already. Not on admission: most is acknowledged before, and a
   * copy costs more than all else that is done with a message here. Returns
   * whether something is left for the next call.
   */
  detach(): boolean {
    let held = this.#fresh;
    for (; held !== undefined && held.message.sequence <= this.#assignedBefore; held = held.next)
      held.message.data = detachedBytes(held.message.data);
    this.#fresh = held;
    this.#assignedBefore = this.#assigned;
    return held !== undefined;
  }

  /** Takes one message that is a whole payload, if the policy lets it in now, and sets its sequence. */
  admit(message: DataMessage, nowMs: number): Exclude<Admission, 'too-large'> {
    const bytes = weightOf(message);
    const refusal = this.#makeRoom(message, 1, bytes, nowMs);
    if (refusal !== undefined && refusal !== 'drop-it') return refusal;
    const held = this.#append(message, bytes, this.#assigned + 1, deadlineOf(message, nowMs));
    this.#appended(held, refusal);
    return 'taken';
  }

  /** Takes the pieces of one payload, all or none. The first one's key and time to live are the payload's. */
  admitPieces(pieces: readonly DataMessage[], nowMs: number): Admission {
    const [first] = pieces;
    if (first === undefined) return 'taken';
    if (pieces.length === 1) return this.admit(first, nowMs);
    const size = { messages: pieces.length, bytes: pieces.reduce((sum, piece) => sum + weightOf(piece), 0) };
    if (exceeds(this.#window, size) || exceeds(this.#bound, size)) return 'too-large';
    const refusal = this.#makeRoom(first, size.messages, size.bytes, nowMs);
    if (refusal !== undefined && refusal !== 'drop-it') return refusal;
    const payload = this.#assigned + 1;
    const deadlineMs = deadlineOf(first, nowMs);
    const held = this.#append(first, weightOf(first), payload, deadlineMs);
    for (let i = 1; i < pieces.length; i += 1) {
      const piece = pieces[i];
      if (piece !== undefined) this.#append(piece, weightOf(piece), payload, deadlineMs);
    }
    this.#appended(held, refusal);
    return 'taken';
  }

  /**
   * Takes what the window lets out, messages and Gaps, into `batch`, until it
   * holds `maxMessages` or what was taken weighs `maxBytes` (one message always
   * goes). Returns the weight taken. All of it counts as sent: the caller sets
   * `ack` and writes it. What was written before comes as a copy, for the first
   * may still be on its way somewhere.
   */
  take(batch: DataMessage[], maxMessages: number, maxBytes: number, nowMs: number): number {
    if (this.#deadlines !== undefined) this.#expire(this.#deadlines, nowMs);
    let taken = 0;
    while (batch.length < maxMessages && taken < maxBytes) {
      const held = this.#next;
      if (held === undefined) {
        if (this.#cursor < this.#assigned && hasRoom(this.#window, this.#inFlight))
          batch.push(this.#writeGap(this.#assigned));
        break;
      }
      const { message, bytes } = held;
      if (!fits(this.#window, this.#inFlight, 1, bytes)) break;
      if (message.sequence > this.#cursor + 1) {
        batch.push(this.#writeGap(message.sequence - 1));
        continue;
      }
      const again = message.sequence <= this.#reached;
      batch.push(again ? dataMessage(message) : message);
      this.#passed(held, again);
      this.#next = held.next;
      this.#cursor = message.sequence;
      taken += bytes;
    }
    return taken;
  }

  /** Acknowledges everything through `sequence`. False, and nothing done: so much was not sent in this attachment. */
  ack(sequence: number): boolean {
    if (sequence <= this.#acked) return true;
    if (sequence > this.#cursor) return false;
    this.#acked = sequence;
    this.#lost?.forget(sequence);
    let delivered = 0;
    for (
      let held = this.#messages.first;
      held !== undefined && held.message.sequence <= sequence;
      held = this.#remove(held)
    ) {
      this.#held.subtract(held.bytes);
      this.#inFlight.subtract(held.bytes);
      delivered += 1;
    }
    this.#counters.delivered += delivered;
    this.#total.delivered += delivered;
    return true;
  }

  /** A new attachment goes on from the client's position, within its window. False, and nothing done: above what was ever sent. */
  attach(position: number, window: Size): boolean {
    if (position > this.#reached) return false;
    this.#cursor = position;
    this.#window = window;
    this.#inFlight.clear();
    let held = this.#messages.first;
    for (; held !== undefined && held.message.sequence <= position; held = held.next)
      this.#inFlight.add(held.bytes);
    this.#next = held;
    return true;
  }

  /** A part of 0 stays as it is. What is in flight beyond a smaller window stays in flight. */
  changeWindow(change: Size): void {
    this.#window = changed(this.#window, change);
  }

  /** The Gap over all that was not written in this attachment, held or not; undefined where there is none. What is held counts as sent: follow with `discard`. */
  writeOff(reason: string): DataMessage | undefined {
    if (this.#cursor >= this.#assigned) return undefined;
    for (let held = this.#next; held !== undefined; held = held.next)
      this.#passed(held, held.message.sequence <= this.#reached);
    this.#next = undefined;
    return this.#writeGap(this.#assigned, reason);
  }

  /** Drops all that is held, for the session has ended; counted under `reason`. */
  discard(reason: DropReason): void {
    this.#countDropped(this.#held.messages, reason);
    this.#messages.clear();
    this.#held.clear();
    this.#lost = undefined;
    this.#inFlight.clear();
    this.#waiting.clear();
    this.#byKey?.clear();
    this.#fresh = undefined;
    this.#next = undefined;
    this.#droppable = undefined;
    this.#deadlines = undefined;
  }

  #expire(deadlines: Deadlines, nowMs: number): void {
    if (nowMs < deadlines.earliestMs) return;
    deadlines.sweep(this.#droppable, nowMs, (payload) => {
      this.#drop(payload, 'expired');
    });
  }

  /** Undefined: it may come in. */
  #makeRoom(
    first: DataMessage,
    messages: number,
    bytes: number,
    nowMs: number,
  ): 'wait' | 'disconnect' | 'drop-it' | undefined {
    if (this.#deadlines !== undefined) this.#expire(this.#deadlines, nowMs);
    const older = this.#byKey?.get(first.key);
    if (older !== undefined) this.#drop(older, 'overflow');
    while (!fits(this.#bound, this.#waiting, messages, bytes)) {
      if (this.#overflow === 'block') return 'wait';
      if (this.#overflow === 'disconnect') return 'disconnect';
      if (this.#overflow === 'drop-newest') return 'drop-it';
      // Only the rest of a payload under way waits: that is never dropped.
      if (this.#droppable === undefined) return 'wait';
      this.#drop(this.#droppable, 'overflow');
    }
    return undefined;
  }

  #append(message: DataMessage, bytes: number, payload: number, deadlineMs: number | undefined): Held {
    this.#assigned += 1;
    message.sequence = this.#assigned;
    const held: Held = { message, bytes, payload, deadlineMs, previous: undefined, next: undefined };
    this.#messages.append(held);
    this.#fresh ??= held;
    this.#held.add(bytes);
    this.#waiting.add(bytes);
    this.#counters.admitted += 1;
    this.#counters.admittedBytes += bytes;
    this.#total.admitted += 1;
    this.#total.admittedBytes += bytes;
    return held;
  }

  /** `held` is the first piece of what was appended. */
  #appended(held: Held, refusal: 'drop-it' | undefined): void {
    this.#next ??= held;
    this.#droppable ??= held;
    if (refusal === 'drop-it') {
      this.#drop(held, 'overflow');
      return;
    }
    const { key } = held.message;
    if (key !== '') this.#byKey?.set(key, held);
    if (held.deadlineMs === undefined && this.#deadlines === undefined) return;
    this.#deadlines ??= new Deadlines();
    this.#deadlines.note(held, this.#droppable === held);
  }

  /** A message goes from waiting, or from being sent again, into flight. */
  #passed(held: Held, again: boolean): void {
    this.#inFlight.add(held.bytes);
    if (again) return;
    this.#waiting.subtract(held.bytes);
    this.#reached = held.message.sequence;
    if (held !== this.#droppable) return;
    this.#forgetKey(held);
    this.#droppable = afterPayload(held);
  }

  #writeGap(to: number, reason = 'RESUME_EXPIRED'): DataMessage {
    const from = this.#cursor + 1;
    const named = this.#lost?.reasonAt(from) ?? reason;
    this.#cursor = to;
    if (to > this.#reached) this.#reached = to;
    (this.#lost ??= new LostRanges()).add(from, to, named, to);
    return controlMessage(
      { action: 'gap', fromSequence: from, toSequence: to, reason: named },
      this.#sessionId,
    );
  }

  /** Drops a whole payload of which nothing was sent; `first` is its first piece. */
  #drop(first: Held, reason: 'overflow' | 'expired'): void {
    const { payload } = first;
    this.#forgetKey(first);
    let messages = 0;
    let held: Held | undefined = first;
    while (held?.payload === payload) {
      this.#waiting.subtract(held.bytes);
      messages += 1;
      this.#held.subtract(held.bytes);
      held = this.#remove(held);
    }
    if (this.#next === first) this.#next = held;
    if (this.#droppable === first) this.#droppable = held;
    this.#countDropped(messages, reason);
    (this.#lost ??= new LostRanges()).add(payload, payload + messages - 1, reason, this.#cursor);
  }

  /** Returns the message that followed. */
  #remove(held: Held): Held | undefined {
    const next = this.#messages.remove(held);
    if (this.#fresh === held) this.#fresh = next;
    return next;
  }

  #forgetKey(first: Held): void {
    this.#byKey?.delete(first.message.key);
  }

  #countDropped(messages: number, reason: DropReason): void {
    this.#counters.droppedBy[reason] += messages;
    this.#total.droppedBy[reason] += messages;
  }
}

function exceeds(bound: Size, size: Size): boolean {
  return size.messages > bound.messages || size.bytes > bound.bytes;
}

function deadlineOf(message: DataMessage, nowMs: number): number | undefined {
  return message.ttlMs === 0 ? undefined : nowMs + message.ttlMs;
}
