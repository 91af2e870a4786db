import { FlowCounters, type DropReason } from '../../../src/core/counters.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import type { WorldOptions } from './contract.js';
import { ModelInbox } from './inbox.js';
import { ModelOutbox } from './outbox.js';

/** The gateway's half of a session's life; where it ends, only a `Tombstone` is left. */
export type SessionPhase =
  | 'open'
  /** The client's Close has come: no more DATA from it, the rest is delivered. */
  | 'closing'
  /** The route has ended it: what the client sends is refused, the rest is delivered. */
  | 'ending';

export interface Attachment {
  readonly connection: number;
  paused: boolean;
}

export class ModelSession {
  readonly subject: string;
  readonly token: string;
  readonly tokenBytes: Uint8Array;
  readonly up = new FlowCounters();
  readonly down = new FlowCounters();
  readonly inbox: ModelInbox;
  readonly outbox: ModelOutbox;
  attempt: number;
  phase: SessionPhase = 'open';
  attachment: Attachment | undefined;
  detachedAtMs = 0;
  /** Last time the client moved on, for sessions that wait to be closed. */
  progressAtMs = 0;
  /** The client has sent something again, which asks for the current ack. */
  repeated = false;
  /** Sends of the route that wait for room, in order. */
  blocked: (readonly DataMessage[])[] = [];

  constructor(
    options: WorldOptions,
    subject: string,
    token: string,
    tokenBytes: Uint8Array,
    attempt: number,
  ) {
    this.subject = subject;
    this.token = token;
    this.tokenBytes = tokenBytes;
    this.attempt = attempt;
    this.inbox = new ModelInbox(options.wantsWhole, options.maxPayloadBytes, this.up);
    this.outbox = new ModelOutbox(options.policy, options.waitingBound, this.down);
  }

  /** The route may send nothing new; what it sent before still waits its turn. */
  get sealed(): boolean {
    return this.phase === 'ending' || (this.phase === 'closing' && this.inbox.pending === 0);
  }

  get holdsSomething(): boolean {
    return this.inbox.pending > 0 || this.outbox.heldCount > 0 || this.blocked.length > 0;
  }

  /** Nothing is left to do before Closed. */
  get complete(): boolean {
    return this.sealed && this.blocked.length === 0 && this.outbox.settled;
  }

  discard(reason: DropReason): void {
    this.inbox.discard(reason);
    this.outbox.discard(reason);
    this.blocked = [];
  }
}

/** What an ended session leaves for the resume window, by its token. */
export interface Tombstone {
  attempt: number;
  readonly untilMs: number;
  /** Absent where all that can be said is that the session is gone. */
  readonly ended?: { readonly code: string; readonly ack: number; readonly errors: readonly number[] };
}

/** At most this many of one session ID; the oldest goes first. */
const MAX_TOMBSTONES = 8;

export class Tombstones {
  readonly #byToken = new Map<string, Tombstone>();

  get size(): number {
    return this.#byToken.size;
  }

  get(token: string): Tombstone | undefined {
    return this.#byToken.get(token);
  }

  bury(token: string, tombstone: Tombstone): void {
    this.#byToken.delete(token);
    this.#byToken.set(token, tombstone);
    const oldest = this.#byToken.keys().next();
    if (this.#byToken.size > MAX_TOMBSTONES && oldest.done !== true) this.#byToken.delete(oldest.value);
  }

  expire(nowMs: number): void {
    for (const [token, { untilMs }] of this.#byToken) if (untilMs <= nowMs) this.#byToken.delete(token);
  }
}
