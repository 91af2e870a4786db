import { LinkedList } from './linked-list.js';
import { fits, Load } from './window.js';

/** What happens to what waits when its consumer does not take it. */
export type QueueOverflow = 'block' | 'drop-oldest' | 'drop-newest' | 'conflate' | 'disconnect';

export interface PolicyQueueOptions {
  readonly overflow: QueueOverflow;
  /** The most that may wait; one item always may when nothing waits. */
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** What can wait in a PolicyQueue. It is not changed, and may be in many queues at a time. */
export interface QueueItem {
  /** Higher than of every item offered before. */
  readonly sequence: number;
  /** Under conflate, one of each key waits at most; "" is none. */
  readonly key: string;
  readonly bytes: number;
  /** By the clock that `offer` and `take` are called with: not worth delivering from then on. */
  readonly expiresAtMs?: number | undefined;
}

/** Items that were dropped, with nothing between them that still waits. */
export interface Dropped {
  readonly from: number;
  readonly to: number;
  /** Of the first of them. */
  readonly reason: DroppedReason;
}

/** RESUME_EXPIRED: asked for, and not held any more; MESSAGE_TOO_LARGE: for its consumer (both `PolicyQueue.lost`). */
export type DroppedReason = 'overflow' | 'expired' | 'RESUME_EXPIRED' | 'MESSAGE_TOO_LARGE';

/**
 * What became of an item: it is in (or, under drop-newest, was dropped at once,
 * which is told as any drop); not in, offer it again when there is room; not
 * in, the policy ends the consumer.
 */
export type Admitted = 'taken' | 'full' | 'disconnect';

interface Node<T> {
  /** Undefined: dropped, and all from `from` to `to` with it. */
  item: T | undefined;
  readonly from: number;
  to: number;
  reason: DroppedReason;
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
}

export function isDropped(entry: QueueItem | Dropped): entry is Dropped {
  return 'reason' in entry;
}

/**
 * What waits for one consumer, bounded, under its overflow policy. What is
 * dropped comes out as a range at its place in the order: no loss is silent.
 *
 * Adjoining ranges are one, so there is at most one more of them than items.
 * Every step costs the same however much waits. For that, a time to live is
 * looked at only where an item is the first: one that expires behind others
 * keeps its room until then.
 */
export class PolicyQueue<T extends QueueItem> {
  readonly #overflow: QueueOverflow;
  readonly #bound: { readonly messages: number; readonly bytes: number };
  /** Items, and between them what was dropped; never two ranges side by side. */
  readonly #nodes = new LinkedList<Node<T>>();
  readonly #load = new Load();
  /** Under conflate: what waits of each key. */
  readonly #byKey: Map<string, Node<T>> | undefined;
  readonly #dropped = { overflow: 0, expired: 0 };

  constructor({ overflow, maxMessages, maxBytes }: PolicyQueueOptions) {
    this.#overflow = overflow;
    this.#bound = { messages: maxMessages, bytes: maxBytes };
    if (overflow === 'conflate') this.#byKey = new Map();
  }

  /** How many items wait. */
  get messages(): number {
    return this.#load.messages;
  }

  get bytes(): number {
    return this.#load.bytes;
  }

  /** Whether nothing waits, and no range is left to be told. */
  get isEmpty(): boolean {
    return this.#nodes.first === undefined;
  }

  /** How many items were dropped since the queue was made, by reason; `clear` is no drop. A live view. */
  get dropped(): Readonly<Record<'overflow' | 'expired', number>> {
    return this.#dropped;
  }

  offer(item: T, nowMs: number): Admitted {
    const { key, bytes } = item;
    const older = key === '' ? undefined : this.#byKey?.get(key);
    if (older !== undefined) this.#drop(older, 'overflow');
    let unwanted = false;
    if (!fits(this.#bound, this.#load, 1, bytes)) {
      this.#expire(nowMs);
      while (!fits(this.#bound, this.#load, 1, bytes)) {
        if (this.#overflow === 'block') return 'full';
        if (this.#overflow === 'disconnect') return 'disconnect';
        unwanted = this.#overflow === 'drop-newest';
        const oldest = this.#oldest();
        if (unwanted || oldest === undefined) break;
        this.#drop(oldest, 'overflow');
      }
    }
    const node = this.#append(item);
    if (unwanted) this.#drop(node, 'overflow');
    else if (key !== '') this.#byKey?.set(key, node);
    return 'taken';
  }

  /** Tells of sequences that were lost before they came here, at this place in the order. */
  lost(from: number, to: number, reason: DroppedReason): void {
    const node: Node<T> = { item: undefined, from, to, reason, previous: undefined, next: undefined };
    this.#nodes.append(node);
    this.#merge(node);
  }

  /** What `take` would give; what has expired by now is dropped. */
  peek(nowMs: number): T | Dropped | undefined {
    this.#expire(nowMs);
    return entryOf(this.#nodes.first);
  }

  /** The next item, or the range that was dropped before it; undefined when there is neither. */
  take(nowMs: number): T | Dropped | undefined {
    this.#expire(nowMs);
    const { first } = this.#nodes;
    if (first === undefined) return undefined;
    if (first.item !== undefined) this.#release(first, first.item);
    this.#nodes.remove(first);
    return entryOf(first);
  }

  /** Forgets all, what was dropped too. */
  clear(): void {
    this.#nodes.clear();
    this.#load.clear();
    this.#byKey?.clear();
  }

  /** The first item: before it there is one range at most. */
  #oldest(): Node<T> | undefined {
    const { first } = this.#nodes;
    return first?.item === undefined ? first?.next : first;
  }

  #append(item: T): Node<T> {
    const { sequence, bytes } = item;
    const node: Node<T> = {
      item,
      from: sequence,
      to: sequence,
      reason: 'overflow',
      previous: undefined,
      next: undefined,
    };
    this.#nodes.append(node);
    this.#load.add(bytes);
    return node;
  }

  #expire(nowMs: number): void {
    for (let node = this.#oldest(); node?.item !== undefined; node = this.#oldest()) {
      const { expiresAtMs } = node.item;
      if (expiresAtMs === undefined || nowMs < expiresAtMs) return;
      this.#drop(node, 'expired');
    }
  }

  #drop(node: Node<T>, reason: 'overflow' | 'expired'): void {
    if (node.item === undefined) return;
    this.#release(node, node.item);
    this.#dropped[reason] += 1;
    node.item = undefined;
    node.reason = reason;
    this.#merge(node);
  }

  /** Makes one of a range and those beside it. */
  #merge(node: Node<T>): void {
    const { previous, next } = node;
    if (next !== undefined && next.item === undefined) {
      node.to = next.to;
      this.#nodes.remove(next);
    }
    if (previous !== undefined && previous.item === undefined) {
      previous.to = node.to;
      this.#nodes.remove(node);
    }
  }

  /** Its item goes, by whatever way. */
  #release(node: Node<T>, { key, bytes }: T): void {
    this.#load.subtract(bytes);
    if (key !== '' && this.#byKey?.get(key) === node) this.#byKey.delete(key);
  }
}

function entryOf<T>(node: Node<T> | undefined): T | Dropped | undefined {
  if (node === undefined) return undefined;
  const { item, from, to, reason } = node;
  return item ?? { from, to, reason };
}
