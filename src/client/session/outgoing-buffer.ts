import { LinkedList } from '../../flow/linked-list.js';
import { fits, Load, type Size } from '../../flow/window.js';
import type { DropReason, Overflow } from '../options.js';
import type { OutgoingPayload } from './outgoing-payload.js';

export type Dropped = (payload: OutgoingPayload, reason: DropReason) => void;

/** What became of a payload: it waits; it was dropped, and that was told; there is no room; the policy ends the session. */
export type Offer = 'waits' | 'dropped' | 'full' | 'disconnect';

/**
 * What waits to be sent, in order: the only place where the policy and the time
 * to live act, and where they do so on whole payloads. What has no sequence yet
 * leaves no gap when it is dropped.
 */
export class OutgoingBuffer {
  readonly #bound: Size;
  readonly #overflow: Overflow;
  readonly #dropped: Dropped;
  /** What was sent before a reset and is sent again, ahead of all else: no policy's, and outside the bound. Bounded by the window it was sent in. */
  readonly #again = new LinkedList<OutgoingPayload>();
  #againCount = 0;
  readonly #list = new LinkedList<OutgoingPayload>();
  readonly #load = new Load();
  /** Under conflate: what waits of each key. */
  readonly #byKey: Map<string, OutgoingPayload> | undefined;
  /** Nothing that waits is too old before this, in Clock.now(). */
  #earliestMs = Infinity;
  /** A payload was dropped before its end came: what goes on with it is dropped too. */
  #dropsRest = false;

  constructor(bound: Size, overflow: Overflow, dropped: Dropped) {
    this.#bound = bound;
    this.#overflow = overflow;
    this.#dropped = dropped;
    if (overflow === 'conflate') this.#byKey = new Map();
  }

  get count(): number {
    return this.#againCount + this.#load.messages;
  }

  /** What waits under the bound. */
  get load(): Size {
    return this.#load;
  }

  /** The next one to be sent. */
  get first(): OutgoingPayload | undefined {
    return this.#again.first ?? this.#list.first;
  }

  /** Whether this one goes on with a payload that was dropped, and so was dropped. */
  dropsWithRest(payload: OutgoingPayload): boolean {
    if (!this.#dropsRest) return false;
    if (payload.begins) {
      this.#dropsRest = false;
      return false;
    }
    this.#dropsRest = payload.more;
    this.#dropped(payload, 'overflow');
    return true;
  }

  offer(payload: OutgoingPayload, nowMs: number): Offer {
    this.expire(nowMs);
    if (this.dropsWithRest(payload)) return 'dropped';
    const older = payload.begins && payload.key !== '' ? this.#byKey?.get(payload.key) : undefined;
    if (older !== undefined) this.#drop(older, 'overflow');
    while (!fits(this.#bound, this.#load, 1, payload.bytes)) {
      if (this.#overflow === 'block') return 'full';
      if (this.#overflow === 'disconnect') return 'disconnect';
      if (this.#overflow === 'drop-newest') return this.#refuse(payload);
      const droppable = this.#droppable;
      if (droppable === undefined) return 'full';
      this.#drop(droppable, 'overflow');
      // It went with the payload that it belongs to.
      if (this.dropsWithRest(payload)) return 'dropped';
    }
    this.#append(payload, nowMs);
    return 'waits';
  }

  /** Drops what is too old. */
  expire(nowMs: number): void {
    if (nowMs < this.#earliestMs) return;
    this.#earliestMs = Infinity;
    for (let held = this.#list.first; held !== undefined;) {
      const isLate = held.begins && nowMs >= held.deadlineMs;
      if (!isLate && held.begins) this.#earliestMs = Math.min(this.#earliestMs, held.deadlineMs);
      held = isLate ? this.#drop(held, 'expired') : held.next;
    }
  }

  shift(): OutgoingPayload | undefined {
    const again = this.#again.first;
    if (again !== undefined) {
      this.#again.remove(again);
      this.#againCount -= 1;
      return again;
    }
    const first = this.#list.first;
    if (first !== undefined) this.#remove(first);
    return first;
  }

  /** Takes out one that waits under the bound: nobody wants it sent any more. */
  withdraw(payload: OutgoingPayload): void {
    this.#remove(payload);
  }

  /** The rest that waits of a payload whose first pieces were sent: it goes where they go. */
  takeRest(): OutgoingPayload[] {
    const rest: OutgoingPayload[] = [];
    for (let { first } = this; first !== undefined && !first.begins; { first } = this) {
      this.shift();
      rest.push(first);
    }
    return rest;
  }

  /**
   * It was refused: the rest of its payload is dropped, what waits of it and what comes. False: a part of it was
   * sent, so that what comes behind it would be taken for the rest.
   */
  refuse(payload: OutgoingPayload): boolean {
    if (!payload.begins) {
      const newest = this.#newest;
      if (newest === undefined) return false;
      this.#drop(newest, 'overflow');
    }
    this.#dropsRest = payload.more;
    return true;
  }

  /** What goes on with the payload that was last taken in is dropped as it comes. */
  dropRest(): void {
    this.#dropsRest = true;
  }

  /** These are sent again, in this order, ahead of all that waits. */
  sendAgain(payloads: readonly OutgoingPayload[]): void {
    const still: OutgoingPayload[] = [];
    for (let held = this.#again.first; held !== undefined; held = this.#again.remove(held)) still.push(held);
    for (const payload of payloads) this.#again.append(payload);
    for (const payload of still) this.#again.append(payload);
    this.#againCount += payloads.length;
  }

  /** Empties it. */
  takeAll(): OutgoingPayload[] {
    const all: OutgoingPayload[] = [];
    for (let held = this.shift(); held !== undefined; held = this.shift()) all.push(held);
    return all;
  }

  #append(payload: OutgoingPayload, nowMs: number): void {
    if (payload.ttlMs > 0) {
      payload.deadlineMs = nowMs + payload.ttlMs;
      if (payload.begins) this.#earliestMs = Math.min(this.#earliestMs, payload.deadlineMs);
    }
    this.#list.append(payload);
    payload.isWaiting = true;
    this.#load.add(payload.bytes);
    if (payload.begins && payload.key !== '') this.#byKey?.set(payload.key, payload);
  }

  /** Under drop-newest: the newest payload, whole. */
  #refuse(payload: OutgoingPayload): Offer {
    if (payload.begins) {
      this.#dropsRest = payload.more;
      this.#dropped(payload, 'overflow');
      return 'dropped';
    }
    // It goes on with the last one that waits; where its beginning was sent, it has to follow.
    const newest = this.#newest;
    if (newest === undefined) return 'full';
    this.#drop(newest, 'overflow');
    return this.dropsWithRest(payload) ? 'dropped' : 'full';
  }

  /** The newest payload, where nothing of it was sent. */
  get #newest(): OutgoingPayload | undefined {
    let newest: OutgoingPayload | undefined;
    for (let held = this.#list.first; held !== undefined; held = held.next) if (held.begins) newest = held;
    return newest;
  }

  /** The oldest payload of which nothing was sent. */
  get #droppable(): OutgoingPayload | undefined {
    let held = this.#list.first;
    while (held !== undefined && !held.begins) held = held.next;
    return held;
  }

  /** Drops the whole payload that begins with this one. Returns what follows it. */
  #drop(begin: OutgoingPayload, reason: 'overflow' | 'expired'): OutgoingPayload | undefined {
    let piece = begin;
    for (;;) {
      const next = this.#remove(piece);
      this.#dropped(piece, reason);
      if (!piece.more) return next;
      if (next === undefined) {
        this.#dropsRest = true;
        return undefined;
      }
      piece = next;
    }
  }

  /** Returns what follows it. */
  #remove(payload: OutgoingPayload): OutgoingPayload | undefined {
    this.#load.subtract(payload.bytes);
    payload.isWaiting = false;
    if (this.#byKey?.get(payload.key) === payload) this.#byKey.delete(payload.key);
    return this.#list.remove(payload);
  }
}
