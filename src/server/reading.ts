import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { ServerCounters } from './server-counters.js';

export interface ReadingEvents {
  /** Whether some session has data that its client has not paused. */
  readonly hasDataToGo: boolean;
  end(error: SluiceError): void;
}

type StopCounters = Pick<ServerCounters, 'readsStopped' | 'readingStoppedMs'>;

/**
 * Whether the connection is read. It is not while the receive queue or the
 * queue of answers is full; it is again when both are half empty. A client that
 * has paused its delivery can so make its own Resume unreadable: it is ended.
 */
export class Reading {
  readonly #clock: Clock;
  readonly #connection: ClientConnection;
  readonly #maxControlAnswers: number;
  readonly #events: ReadingEvents;
  readonly #counters: StopCounters;
  #isCounted = false;

  constructor(
    clock: Clock,
    connection: ClientConnection,
    settings: { readonly maxControlAnswers: number },
    events: ReadingEvents,
    counters: StopCounters,
  ) {
    this.#clock = clock;
    this.#connection = connection;
    this.#maxControlAnswers = settings.maxControlAnswers;
    this.#events = events;
    this.#counters = counters;
  }

  /** The transport asked for room and there was none. Uncounted: not because a queue was full. */
  stop(isCounted = true): void {
    const connection = this.#connection;
    this.#isCounted = isCounted;
    connection.readingStopped = true;
    connection.readingStoppedAt = this.#clock.now();
    if (isCounted) {
      connection.readingStops += 1;
      this.#counters.readsStopped += 1;
    }
    this.#endIfStuck();
  }

  /** Something was handled or sent. Half empty before reading on: a message at a time would cost a turn each. */
  goOn(): void {
    const connection = this.#connection;
    if (!connection.readingStopped || connection.state.kind === 'closed') return;
    if (this.#receiveQueueIsHeld || connection.sendQueue.controlRoom < this.#maxControlAnswers / 2) return;
    this.#noteStopped();
    connection.readingStopped = false;
    connection.lastActivity = this.#clock.now();
    connection.stream.resume();
  }

  /** The connection is over: a stop that still lasts counts up to here, once. */
  over(): void {
    if (this.#connection.readingStopped) this.#noteStopped();
    this.#isCounted = false;
  }

  /** Data was written: what is left may all be paused. */
  sent(): void {
    this.goOn();
    this.#endIfStuck();
  }

  /** A send waits for room. Looked at when its route has returned. */
  sendWaits(): void {
    if (!this.#connection.readingStopped) return;
    this.#clock.setImmediate(() => {
      this.#endIfStuck();
    });
  }

  #noteStopped(): void {
    if (!this.#isCounted) return;
    const connection = this.#connection;
    const now = this.#clock.now();
    const stoppedMs = now - connection.readingStoppedAt;
    connection.readingStoppedAt = now;
    connection.readingStoppedMs += stoppedMs;
    this.#counters.readingStoppedMs += stoppedMs;
  }

  get #receiveQueueIsHeld(): boolean {
    const { messages, maxMessages, bytes, maxBytes } = this.#connection.receiveQuota;
    return messages > maxMessages / 2 || bytes > maxBytes / 2;
  }

  #endIfStuck(): void {
    const { readingStopped, receiveQuota, sendQueue } = this.#connection;
    if (!readingStopped || !this.#receiveQueueIsHeld) return;
    const fullInPause = sendQueue.paused && receiveQuota.room === 0;
    if (!fullInPause && (!sendQueue.hasWaiting || this.#events.hasDataToGo)) return;
    this.#events.end(
      new SluiceError(
        'SLOW_CONSUMER',
        `the client paused its delivery and the receive queue is full ` +
          `(${receiveQuota.messages} messages of stream.receiveQueueMessages = ${receiveQuota.maxMessages}, ` +
          `${receiveQuota.bytes} bytes of stream.receiveQueueSize = ${receiveQuota.maxBytes}): ` +
          'its Resume could not be read',
      ),
    );
  }
}
