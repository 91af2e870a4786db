import { LinkedList, type Linked } from '../../flow/linked-list.js';
import type { Closed, WireError } from '../../wire/messages.js';

/** What a client that missed the end of its session is told again, in this order. */
export interface SessionEnding {
  readonly errors: readonly WireError[];
  /** The final ack; rides on the Closed. */
  readonly ack: number;
  readonly closed: Closed;
}

/** What an ended session leaves behind. */
export interface Tombstone {
  /** The highest attempt seen for the token; whoever answers an Open raises it. */
  attempt: number;
  /** Absent where all that can be said is that the session is gone. */
  readonly ending: SessionEnding | undefined;
}

export interface TombstoneLimits {
  /** How long one is kept, in milliseconds: the resume window. */
  readonly keepMs: number;
  readonly maxPerClient: number;
  readonly max: number;
  /** The most they all may hold in texts; what one weighs beside them is bounded by `max`. */
  readonly maxBytes: number;
}

/** Tokens are all of one length, so that the two can't be confused. */
type SessionKey = string;

interface Grave extends Linked<Grave> {
  readonly clientId: string;
  readonly key: SessionKey;
  readonly tombstone: Tombstone;
  readonly untilMs: number;
  readonly bytes: number;
}

/**
 * Records of ended sessions, so that a client whose connection broke at the
 * wrong moment learns how its session ended, and a late Open creates nothing.
 * Bounded for each client and in all; the oldest goes first.
 */
export class Tombstones {
  readonly #limits: TombstoneLimits;
  readonly #byClient = new Map<string, Map<SessionKey, Grave>>();
  /** All of them, oldest first: as all are kept as long, also by when they expire. */
  readonly #inOrder = new LinkedList<Grave>();
  #size = 0;
  #bytes = 0;

  constructor(limits: TombstoneLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Of how many clients. */
  get clients(): number {
    return this.#byClient.size;
  }

  /** The weight of all their texts, in UTF-16 units. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest expires, in Clock.now(); undefined when there is none. */
  get nextExpiryMs(): number | undefined {
    return this.#inOrder.first?.untilMs;
  }

  get(clientId: string, sessionId: string, token: string, nowMs: number): Tombstone | undefined {
    const grave = this.#byClient.get(clientId)?.get(keyOf(sessionId, token));
    return grave === undefined || grave.untilMs <= nowMs ? undefined : grave.tombstone;
  }

  /** Keeps a record from now on; one there was for the same session and token is replaced. */
  bury(clientId: string, sessionId: string, token: string, tombstone: Tombstone, nowMs: number): void {
    const { keepMs, maxPerClient, max, maxBytes } = this.#limits;
    this.expire(nowMs);
    const key = keyOf(sessionId, token);
    const names = clientId.length + key.length;
    const weight = names + weightOfEnding(tombstone.ending);
    // One that would push out all others says only that the session is gone.
    const tooHeavy = weight > maxBytes;
    const kept = tooHeavy ? { attempt: tombstone.attempt, ending: undefined } : tombstone;
    const bytes = tooHeavy ? names : weight;
    const untilMs = nowMs + keepMs;
    const grave: Grave = {
      clientId,
      key,
      tombstone: kept,
      untilMs,
      bytes,
      previous: undefined,
      next: undefined,
    };
    const present = this.#byClient.get(clientId)?.get(key);
    if (present !== undefined) this.#remove(present);
    let own = this.#byClient.get(clientId);
    if (own === undefined) this.#byClient.set(clientId, (own = new Map<SessionKey, Grave>()));
    own.set(key, grave);
    this.#inOrder.append(grave);
    this.#size += 1;
    this.#bytes += bytes;
    const oldestOwn = own.values().next();
    if (own.size > maxPerClient && oldestOwn.done !== true) this.#remove(oldestOwn.value);
    let oldest = this.#inOrder.first;
    while (oldest !== undefined && (this.#size > max || this.#bytes > maxBytes))
      oldest = this.#remove(oldest);
  }

  /** Forgets those whose time is over. */
  expire(nowMs: number): void {
    let oldest = this.#inOrder.first;
    while (oldest !== undefined && oldest.untilMs <= nowMs) oldest = this.#remove(oldest);
  }

  /** Returns the next in order. */
  #remove(grave: Grave): Grave | undefined {
    const own = this.#byClient.get(grave.clientId);
    own?.delete(grave.key);
    if (own?.size === 0) this.#byClient.delete(grave.clientId);
    this.#size -= 1;
    this.#bytes -= grave.bytes;
    return this.#inOrder.remove(grave);
  }
}

function keyOf(sessionId: string, token: string): SessionKey {
  return `${token}${sessionId}`;
}

function weightOfEnding(ending: SessionEnding | undefined): number {
  if (ending === undefined) return 0;
  let bytes = ending.closed.code.length + ending.closed.reason.length;
  for (const { code, message } of ending.errors) bytes += code.length + message.length;
  return bytes;
}
