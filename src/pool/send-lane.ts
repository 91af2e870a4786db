import type { FlowCounters } from '../core/counters.js';
import { RingQueue } from '../flow/ring-queue.js';
import type { DataMessage } from '../wire/messages.js';

/**
 * One session's part of its connection's send queue. Only the `SendQueue`
 * changes it.
 */
export class SendLane {
  readonly counters: FlowCounters;
  readonly messages = new RingQueue<DataMessage>();
  /** Told when the lane's last message (`SendQueue.finish`) has been taken. */
  readonly onFinished: () => void;
  last: DataMessage | undefined;
  paused = false;
  /** Whether it has its place among the lanes whose turn will come. */
  scheduled = false;
  /** Sends that wait for room in the queue. */
  waiting = 0;

  constructor(counters: FlowCounters, onFinished: () => void) {
    this.counters = counters;
    this.onFinished = onFinished;
  }

  /** Whether there is something to take now: the last message comes only after the sends that still wait. */
  get hasTurn(): boolean {
    return this.messages.length > 0 || (this.last !== undefined && this.waiting === 0);
  }
}
