import type { FlowCounters } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { ByteAccount } from '../flow/byte-account.js';
import { Quota } from '../flow/quota.js';
import { RingQueue } from '../flow/ring-queue.js';
import { weightOf, type DataMessage } from '../wire/messages.js';
import type { Lane } from './lane.js';
import type { LaneQueue, SendLane } from './send-lane.js';

export interface SendQueueOptions {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** Control answers that may wait unwritten before the connection stops being read. */
  readonly maxControl: number;
  /** What all connections hold together. */
  readonly account?: ByteAccount;
}

/** How many messages a lane gives before the next lane's turn. */
const TURN_MESSAGES = 16;

interface WaitingSend {
  readonly lane: SendLane;
  readonly message: DataMessage;
  readonly weight: number;
  readonly admitted: () => void;
  readonly refused: (error: SluiceError) => void;
}

/**
 * What a connection still has to write: control ahead, then the data of its
 * sessions, a lane each, in turn. Bounded in messages and bytes over all lanes;
 * a send beyond the bound waits, first come, first served. The send loop is
 * the only one who takes from it.
 */
export class SendQueue implements LaneQueue {
  readonly quota: Quota;
  readonly #maxControl: number;
  readonly #control = new RingQueue<DataMessage>();
  /** Lanes that have something to give and are not paused, in the order of their turns. */
  readonly #ready = new RingQueue<Lane>();
  readonly #waiting = new RingQueue<WaitingSend>();
  #waitingBytes = 0;
  /** Lanes whose last message is still to be written. */
  #finishing = 0;
  readonly total: FlowCounters;
  #paused = false;

  constructor(options: SendQueueOptions, total: FlowCounters) {
    this.quota = new Quota(options.maxMessages, options.maxBytes, options.account);
    this.#maxControl = options.maxControl;
    this.total = total;
  }

  /** How many more control answers may wait; reading from the client stops at 0. */
  get controlRoom(): number {
    return Math.max(0, this.#maxControl - this.#control.length);
  }

  /** Whether a heartbeat would only add to a queue that the client does not empty. */
  get isFull(): boolean {
    return this.quota.room === 0 || this.controlRoom === 0;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether the send loop would get data now. */
  get hasReadyData(): boolean {
    return !this.#paused && this.#ready.length > 0;
  }

  /** Control that waits to be written. */
  get controlCount(): number {
    return this.#control.length;
  }

  get hasControl(): boolean {
    return this.#control.length > 0;
  }

  /** Whether sends wait for room. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Nothing waits: no control, no data paused or not, no send. */
  get isEmpty(): boolean {
    return (
      this.#control.length === 0 &&
      this.quota.messages === 0 &&
      this.#finishing === 0 &&
      this.#waiting.length === 0
    );
  }

  /**
   * Queues control ahead of all data. Always takes it: whoever answers what a
   * client sent asks `controlRoom` first, and the gateway's own notices are few.
   */
  pushControl(message: DataMessage): void {
    this.#control.push(message);
  }

  /**
   * Queues data of a lane. Undefined when it was taken at once, else a promise
   * for when it is; rejected when the lane is discarded before. One send of each
   * lane may always wait. Throws OVERLOADED for those beside it when as much
   * waits as the queue holds: their senders do not wait for one another.
   */
  push(lane: SendLane, message: DataMessage): undefined | Promise<void> {
    const weight = weightOf(message);
    if (this.#waiting.length === 0 && this.quota.fits(weight)) {
      this.#admit(lane, message, weight);
      return undefined;
    }
    if (lane.waiting > 0) this.#refuseBeyondBound(weight);
    const promise = new Promise<void>((admitted, refused) => {
      this.#waiting.push({ lane, message, weight, admitted, refused });
    });
    lane.waiting += 1;
    this.#waitingBytes += weight;
    // A route may not look at the promise; the session's end is no fault of the process.
    promise.catch(() => undefined);
    return promise;
  }

  /** Writes `message` after everything in the lane, then tells the lane's owner. */
  finish(lane: SendLane, message: DataMessage): void {
    if (lane.last === undefined) this.#finishing += 1;
    lane.last = message;
    this.schedule(lane);
  }

  pauseAll(): void {
    this.#paused = true;
  }

  resumeAll(): void {
    this.#paused = false;
  }

  pauseLane(lane: Lane): void {
    lane.paused = true;
  }

  resumeLane(lane: Lane): void {
    lane.paused = false;
    this.schedule(lane);
  }

  /** The lane may have something to give: it gets its place among those whose turn will come. */
  schedule(lane: Lane): void {
    if (lane.scheduled || lane.paused || !lane.hasTurn) return;
    lane.scheduled = true;
    this.#ready.push(lane);
  }

  /** For a lane of its own: its last message was taken. */
  lastTaken(lane: SendLane): void {
    this.#forgetLast(lane);
  }

  /** Takes control into `batch` until it holds `maxMessages`. */
  takeControl(batch: DataMessage[], maxMessages: number): void {
    while (batch.length < maxMessages) {
      const message = this.#control.shift();
      if (message === undefined) return;
      batch.push(message);
    }
  }

  /**
   * Takes data into `batch`, lane by lane, until it holds `maxMessages` or what
   * was taken weighs `maxBytes` (one message always goes). Returns the weight
   * taken. What is taken counts as delivered: the caller writes it.
   */
  takeData(batch: DataMessage[], maxMessages: number, maxBytes: number): number {
    let taken = 0;
    while (!this.#paused && batch.length < maxMessages && taken < maxBytes) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      lane.scheduled = false;
      if (lane.paused) continue;
      taken += lane.take(batch, Math.min(maxMessages, batch.length + TURN_MESSAGES), maxBytes - taken);
      this.schedule(lane);
      if (this.#waiting.length > 0) this.#admitWaiting();
    }
    return taken;
  }

  /** Empties a lane for good: what waits is dropped, its sends are refused. Returns how many messages were dropped. */
  discard(lane: SendLane, error: SluiceError): number {
    let dropped = 0;
    for (let message = lane.messages.shift(); message !== undefined; message = lane.messages.shift()) {
      this.quota.give(weightOf(message));
      dropped += 1;
    }
    this.#forgetLast(lane);
    if (lane.waiting > 0) this.#refuseWaiting(lane, error);
    if (this.#waiting.length > 0) this.#admitWaiting();
    return dropped;
  }

  /** Forgets control that was never written: the connection is gone. */
  clearControl(): void {
    this.#control.clear();
  }

  #admit(lane: SendLane, message: DataMessage, weight: number): void {
    this.quota.take(weight);
    lane.counters.admitted += 1;
    lane.counters.admittedBytes += weight;
    this.total.admitted += 1;
    this.total.admittedBytes += weight;
    lane.messages.push(message);
    this.schedule(lane);
  }

  #admitWaiting(): void {
    for (
      let next = this.#waiting.peek();
      next !== undefined && this.quota.fits(next.weight);
      next = this.#waiting.peek()
    ) {
      this.#waiting.shift();
      next.lane.waiting -= 1;
      this.#waitingBytes -= next.weight;
      this.#admit(next.lane, next.message, next.weight);
      next.admitted();
    }
  }

  #refuseWaiting(lane: SendLane, error: SluiceError): void {
    for (let left = this.#waiting.length; left > 0; left -= 1) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      if (next.lane === lane) {
        this.#waitingBytes -= next.weight;
        next.refused(error);
      } else this.#waiting.push(next);
    }
    lane.waiting = 0;
  }

  #refuseBeyondBound(weight: number): void {
    const { maxMessages, maxBytes } = this.quota;
    if (this.#waiting.length < maxMessages && this.#waitingBytes + weight <= maxBytes) return;
    throw new SluiceError(
      'OVERLOADED',
      `${this.#waiting.length} sends of ${this.#waitingBytes} bytes wait for room in the send queue already ` +
        `(stream.sendQueueMessages = ${maxMessages}, stream.sendQueueSize = ${maxBytes} bytes): ` +
        'await each send before the next',
    );
  }

  #forgetLast(lane: SendLane): void {
    if (lane.last === undefined) return;
    lane.last = undefined;
    this.#finishing -= 1;
  }
}
