import { LinkedList, type Linked } from '../../flow/linked-list.js';
import type { TopicMessage } from '../../session/topic-route.js';
import { weightOf } from '../../wire/messages.js';

export interface HistoryLimits {
  /** Of one topic; 0 keeps none. */
  readonly messages: number;
  readonly bytes: number;
  /** Nothing is kept for longer; 0 keeps none. */
  readonly ageMs: number;
  /** Of all topics, with what each message takes beside its bytes: the oldest goes first, whosever it is. */
  readonly totalBytes: number;
  /** Whether a message takes the place of the one of its key. */
  readonly conflate: boolean;
}

/** What a message that is kept takes beside its own bytes: 700 to 900 were measured, its encoded metadata included. */
const KEPT_OVERHEAD_BYTES = 1_024;

interface Kept extends Linked<Kept> {
  readonly message: TopicMessage;
  readonly bytes: number;
  /** Clock.now() */
  readonly atMs: number;
  readonly history: TopicHistory;
  place: Place | undefined;
}

/** A message's place among those of all topics. */
interface Place extends Linked<Place> {
  readonly kept: Kept;
}

/** The last messages of one topic, bounded; `HistoryShelf` bounds those of all topics together. */
export class TopicHistory {
  readonly #messages = new LinkedList<Kept>();
  /** Under conflation: the one of each key. */
  #byKey: Map<string, Kept> | undefined;
  /** Nothing is kept any more. */
  readonly onEmptied: () => void;
  count = 0;
  bytes = 0;

  constructor(onEmptied: () => void) {
    this.onEmptied = onEmptied;
  }

  get first(): Kept | undefined {
    return this.#messages.first;
  }

  /** For the shelf. */
  add(kept: Kept): void {
    this.#messages.append(kept);
    this.count += 1;
    this.bytes += kept.bytes;
  }

  /** For the shelf. */
  remove(kept: Kept): void {
    this.#messages.remove(kept);
    this.count -= 1;
    this.bytes -= kept.bytes;
    const { key } = kept.message;
    if (this.#byKey?.get(key) === kept) this.#byKey.delete(key);
  }

  /** Under conflation: the one of this key. */
  lastOf(key: string): Kept | undefined {
    return this.#byKey?.get(key);
  }

  /** The one that this one takes the place of; from now on it is the one of its key. */
  conflate(kept: Kept): Kept | undefined {
    const { key } = kept.message;
    if (key === '') return undefined;
    const byKey = (this.#byKey ??= new Map<string, Kept>());
    const older = byKey.get(key);
    byKey.set(key, kept);
    return older;
  }

  /** Those above `afterSequence` that are still worth delivering, oldest first, each with the time to live that is left of it. */
  after(afterSequence: number, nowMs: number): TopicMessage[] {
    const messages: TopicMessage[] = [];
    for (let kept = this.#messages.first; kept !== undefined; kept = kept.next) {
      if (kept.message.sequence <= afterSequence) continue;
      const message = stillWorth(kept, nowMs);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  /** The last so many that are still worth delivering. */
  last(count: number, nowMs: number): TopicMessage[] {
    const messages = this.after(0, nowMs);
    return messages.length > count ? messages.slice(messages.length - count) : messages;
  }
}

function stillWorth({ message, atMs }: Kept, nowMs: number): TopicMessage | undefined {
  const { ttlMs } = message;
  if (ttlMs === 0) return message;
  const leftMs = Math.floor(atMs + ttlMs - nowMs);
  return leftMs > 0 ? { ...message, ttlMs: leftMs } : undefined;
}

/** The messages that all topics of a route keep, in the order in which they came. */
export class HistoryShelf {
  readonly #limits: HistoryLimits;
  readonly #places = new LinkedList<Place>();
  messages = 0;
  /** With what each takes beside its own. */
  bytes = 0;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  /** When the oldest is to go, in Clock.now(). */
  get nextExpiryMs(): number | undefined {
    const oldest = this.#places.first?.kept;
    return oldest === undefined ? undefined : oldest.atMs + this.#limits.ageMs;
  }

  /** Keeps the next message of a topic, as far as the bounds allow; others give way. */
  add(history: TopicHistory, message: TopicMessage, nowMs: number): void {
    const { messages, bytes: maxBytes, ageMs, totalBytes, conflate } = this.#limits;
    if (messages === 0 || ageMs === 0) return;
    const bytes = weightOf(message);
    if (bytes > maxBytes || bytes + KEPT_OVERHEAD_BYTES > totalBytes) {
      // What it takes the place of is no longer the last of its key.
      const stale = conflate ? history.lastOf(message.key) : undefined;
      if (stale !== undefined) this.#remove(stale);
      return;
    }
    const kept: Kept = {
      message,
      bytes,
      atMs: nowMs,
      history,
      place: undefined,
      previous: undefined,
      next: undefined,
    };
    kept.place = { kept, previous: undefined, next: undefined };
    const older = conflate ? history.conflate(kept) : undefined;
    if (older !== undefined) this.#remove(older);
    history.add(kept);
    this.#places.append(kept.place);
    this.messages += 1;
    this.bytes += bytes + KEPT_OVERHEAD_BYTES;
    while (history.count > messages || history.bytes > maxBytes) {
      if (history.first === undefined) break;
      this.#remove(history.first);
    }
    while (this.bytes > totalBytes) this.#removeOldest();
  }

  /** Lets go of what is too old. */
  expire(nowMs: number): void {
    const { ageMs } = this.#limits;
    for (
      let oldest = this.#places.first?.kept;
      oldest !== undefined && nowMs - oldest.atMs >= ageMs;
      oldest = this.#places.first?.kept
    )
      this.#removeOldest();
  }

  clear(): void {
    this.#places.clear();
    this.messages = 0;
    this.bytes = 0;
  }

  #removeOldest(): void {
    const oldest = this.#places.first?.kept;
    if (oldest === undefined) return;
    this.#remove(oldest);
    if (oldest.history.count === 0) oldest.history.onEmptied();
  }

  #remove(kept: Kept): void {
    kept.history.remove(kept);
    if (kept.place !== undefined) this.#places.remove(kept.place);
    this.messages -= 1;
    this.bytes -= kept.bytes + KEPT_OVERHEAD_BYTES;
  }
}
