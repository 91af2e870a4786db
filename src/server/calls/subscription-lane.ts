import type { DropReason, FlowCounters } from '../../core/counters.js';
import {
  type Dropped,
  type DroppedReason,
  isDropped,
  PolicyQueue,
  type QueueItem,
} from '../../flow/policy-queue.js';
import { RingQueue } from '../../flow/ring-queue.js';
import type { Lane } from '../../pool/lane.js';
import type { SendQueue } from '../../pool/send-queue.js';
import type { Overflow } from '../../session/overflow.js';
import { controlMessage, type DataMessage } from '../../wire/messages.js';

/** A topic's message as it goes to one subscriber, or to all of them: it is not changed. */
export interface LaneItem extends QueueItem {
  readonly message: DataMessage;
  /** More than the gateway sends as one message. */
  readonly isTooLarge: boolean;
}

export interface SubscriptionLaneOptions {
  readonly overflow: Overflow;
  /** Its bound is the lane's, and what waits here is noted there. */
  readonly sendQueue: SendQueue;
  readonly counters: {
    /** The account of the whole gateway, route to client. */
    readonly down: FlowCounters;
    gapsSent: number;
  };
  /** Clock.now() */
  readonly now: () => number;
}

/**
 * What waits for one subscriber: the past it asked for, which its topic bounds
 * and which no policy drops, and behind it what came since, under its policy.
 * What is lost is told as a Gap at its place.
 */
export class SubscriptionLane implements Lane {
  paused = false;
  scheduled = false;
  /** The last sequence that was written, or told as lost; before, where the subscription began. */
  position = 0;
  readonly #past = new RingQueue<LaneItem | Dropped>();
  #pastMessages = 0;
  #pastBytes = 0;
  readonly #queue: PolicyQueue<LaneItem>;
  readonly #counted = { overflow: 0, expired: 0 };
  readonly #options: SubscriptionLaneOptions;

  constructor(options: SubscriptionLaneOptions) {
    const { overflow, sendQueue } = options;
    const { maxMessages, maxBytes } = sendQueue.quota;
    this.#options = options;
    this.#queue = new PolicyQueue({ overflow, maxMessages, maxBytes });
  }

  get hasTurn(): boolean {
    return this.#past.length > 0 || !this.#queue.isEmpty;
  }

  /** A message of the past. */
  addPast(item: LaneItem): void {
    this.#past.push(item);
    this.#pastMessages += 1;
    this.#pastBytes += item.bytes;
    this.#admitted(item);
  }

  /** Of what was asked for this will not come. */
  lostPast(from: number, to: number, reason: DroppedReason): void {
    this.#past.push({ from, to, reason });
  }

  /** A message that came just now. */
  offer(item: LaneItem): 'taken' | 'full' | 'disconnect' {
    const outcome = this.#queue.offer(item, this.#options.now());
    if (outcome === 'taken') this.#admitted(item);
    // What has expired has made no room, and is not there any more.
    else this.#note();
    return outcome;
  }

  lost(from: number, to: number, reason: DroppedReason): void {
    this.#queue.lost(from, to, reason);
  }

  take(batch: DataMessage[], until: number, maxBytes: number): number {
    const { counters } = this.#options;
    const now = this.#options.now();
    let taken = 0;
    while (batch.length < until && taken < maxBytes) {
      const entry = this.#takePast(now) ?? this.#queue.take(now);
      if (entry === undefined) break;
      if (isDropped(entry)) {
        this.position = entry.to;
        counters.gapsSent += 1;
        batch.push(gapOf(entry));
      } else {
        this.position = entry.sequence;
        taken += entry.bytes;
        counters.down.delivered += 1;
        batch.push(entry.message);
      }
    }
    this.#note();
    return taken;
  }

  /** Empties it for good; what waits is dropped. */
  discard(reason: DropReason): void {
    this.#note();
    this.#options.counters.down.droppedBy[reason] += this.#pastMessages + this.#queue.messages;
    this.#past.clear();
    this.#pastMessages = 0;
    this.#pastBytes = 0;
    this.#queue.clear();
    this.#note();
  }

  #takePast(now: number): LaneItem | Dropped | undefined {
    const entry = this.#past.shift();
    if (entry === undefined || isDropped(entry)) return entry;
    this.#pastMessages -= 1;
    this.#pastBytes -= entry.bytes;
    const { expiresAtMs = Infinity, sequence } = entry;
    if (now < expiresAtMs) return entry;
    this.#options.counters.down.droppedBy.expired += 1;
    return { from: sequence, to: sequence, reason: 'expired' };
  }

  #admitted({ bytes }: LaneItem): void {
    const { down } = this.#options.counters;
    down.admitted += 1;
    down.admittedBytes += bytes;
    this.#note();
  }

  /** What waits, for the bound that others see, and what the policy has dropped meanwhile. */
  #note(): void {
    const { sendQueue, counters } = this.#options;
    const { droppedBy } = counters.down;
    const { dropped, messages, bytes } = this.#queue;
    sendQueue.quota.set(this.#pastMessages + messages, this.#pastBytes + bytes);
    if (dropped.overflow > this.#counted.overflow) {
      droppedBy.overflow += dropped.overflow - this.#counted.overflow;
      this.#counted.overflow = dropped.overflow;
    }
    if (dropped.expired > this.#counted.expired) {
      droppedBy.expired += dropped.expired - this.#counted.expired;
      this.#counted.expired = dropped.expired;
    }
  }
}

function gapOf({ from, to, reason }: Dropped): DataMessage {
  return controlMessage({ action: 'gap', fromSequence: from, toSequence: to, reason });
}
