import type { FlowCounters } from '../core/counters.js';
import type { Quota } from '../flow/quota.js';
import { RingQueue } from '../flow/ring-queue.js';
import { weightOf, type DataMessage } from '../wire/messages.js';
import type { Lane } from './lane.js';

/** What a lane's queue shares with all of its kind. */
export interface LaneQueue {
  readonly quota: Quota;
  /** The account of the whole gateway, beside each lane's own. */
  readonly total: FlowCounters;
  /** The lane's last message was taken. */
  lastTaken(lane: SendLane): void;
}

/**
 * The lane of a simple session: what it was given waits here, in the bound that
 * all such lanes of a connection share. Only its `SendQueue` changes it.
 */
export class SendLane implements Lane {
  readonly counters: FlowCounters;
  readonly messages = new RingQueue<DataMessage>();
  /** Told when the lane's last message (`SendQueue.finish`) has been taken. */
  readonly onFinished: () => void;
  readonly #queue: LaneQueue;
  last: DataMessage | undefined;
  paused = false;
  scheduled = false;
  /** Sends that wait for room in the queue. */
  waiting = 0;

  constructor(queue: LaneQueue, counters: FlowCounters, onFinished: () => void) {
    this.#queue = queue;
    this.counters = counters;
    this.onFinished = onFinished;
  }

  /** Whether there is something to take now: the last message comes only after the sends that still wait. */
  get hasTurn(): boolean {
    return this.messages.length > 0 || (this.last !== undefined && this.waiting === 0);
  }

  take(batch: DataMessage[], until: number, maxBytes: number): number {
    const { quota, total } = this.#queue;
    let taken = 0;
    while (batch.length < until && taken < maxBytes) {
      const message = this.messages.shift();
      if (message === undefined) break;
      const weight = weightOf(message);
      quota.give(weight);
      this.counters.delivered += 1;
      total.delivered += 1;
      taken += weight;
      batch.push(message);
    }
    if (this.last !== undefined && this.messages.length === 0 && this.waiting === 0 && batch.length < until) {
      batch.push(this.last);
      this.#queue.lastTaken(this);
      this.onFinished();
    }
    return taken;
  }
}
