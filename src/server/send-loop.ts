import type { Clock, Timer } from '../core/clock.js';
import type { Turn } from '../core/turn.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { DataMessage } from '../wire/messages.js';
import type { Stallable, StallWatch } from './stall-watch.js';

/** What the loops of all connections of a server share. */
export interface SendLoopContext {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly stalls: StallWatch;
}

export interface SendLoopOptions {
  /** What may be handed to the network and not taken by it, before the loop waits. */
  readonly sendBufferBytes: number;
  /** How long the network may take nothing before the peer is a slow consumer. */
  readonly sendTimeoutMs: number;
  /** The most one throttled send waits before it is tried again. */
  readonly flowControlDelayMs: number;
}

export interface SendLoopEvents {
  /** The peer has taken nothing for sendTimeoutMs, though something waits for it. */
  onSlow(stalledMs: number, bytesInFlight: number): void;
  /** Something left the queue: there is room for more, answers and data. */
  onSent(): void;
  /** A fault of our own while writing: this stream ends, nobody else's. */
  onFault(error: unknown): void;
}

/** Read by the metrics; the loop adds to them. */
export interface SendLoopCounters {
  messagesSent: number;
  bytesSent: number;
  throttledMs: number;
  throttledTimes: number;
}

/** At most this many messages a write: a connection's turn is short, so that no other waits long. */
const MAX_WRITE_MESSAGES = 512;

/**
 * The only writer of its stream. Woken when something is queued, it takes what
 * the throttle and the network allow, control first, and hands it over as one
 * write a turn. It never waits in a loop: it goes on when the network has taken
 * something, when the throttle's time has come, or when it is woken.
 */
export class SendLoop implements Stallable {
  readonly #clock: Clock;
  readonly #turn: Turn;
  readonly #stalls: StallWatch;
  readonly #connection: ClientConnection;
  readonly #options: SendLoopOptions;
  readonly #events: SendLoopEvents;
  readonly #counters: SendLoopCounters;
  #scheduled = false;
  #stopped = false;
  #throttleTimer: Timer | undefined;
  #throttledSince = 0;
  #watched = false;
  #progressAt = 0;

  constructor(
    { clock, turn, stalls }: SendLoopContext,
    connection: ClientConnection,
    options: SendLoopOptions,
    events: SendLoopEvents,
    counters: SendLoopCounters,
  ) {
    this.#clock = clock;
    this.#turn = turn;
    this.#stalls = stalls;
    this.#connection = connection;
    this.#options = options;
    this.#events = events;
    this.#counters = counters;
  }

  /** Something was queued, or may go now: write at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#turn.schedule(this);
  }

  /** Called by the transport: the network has taken something. */
  written(): void {
    this.#progressAt = this.#clock.now();
    const { sendQueue } = this.#connection;
    if (sendQueue.hasControl || sendQueue.hasReadyData) this.wake();
  }

  /** Writes what may go now. Called by the turn; never throws. */
  flush(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      this.#write();
    } catch (error) {
      this.#events.onFault(error);
    }
  }

  #write(): void {
    const { stream, sendQueue } = this.#connection;
    const batch: DataMessage[] = [];
    const room = this.#options.sendBufferBytes - stream.bytesInFlight;
    if (room <= 0) return;
    sendQueue.takeControl(batch, MAX_WRITE_MESSAGES);
    if (sendQueue.hasReadyData) this.#takeData(batch, room);
    if (batch.length === 0) return;
    if (stream.bytesInFlight === 0) this.#progressAt = this.#clock.now();
    this.#hand(batch);
    this.#watchForStall();
    this.#events.onSent();
    // More is ready and the network would take it: after the others' turn.
    if ((sendQueue.hasControl || sendQueue.hasReadyData) && this.#throttleTimer === undefined) this.wake();
  }

  /** Writes the control that waits, whatever the network has room for, and then no more. */
  finish(): void {
    if (this.#stopped) return;
    const last: DataMessage[] = [];
    this.#connection.sendQueue.takeControl(last, Infinity);
    if (last.length > 0) this.#hand(last);
    this.stop();
  }

  /** Writes no more; the timers are gone. */
  stop(): void {
    this.#stopped = true;
    this.#endThrottling();
    if (this.#watched) this.#stalls.forget(this);
    this.#watched = false;
  }

  #hand(batch: readonly DataMessage[]): void {
    const { stream } = this.#connection;
    const before = stream.bytesSent;
    stream.send(batch);
    this.#connection.messagesSent += batch.length;
    this.#counters.messagesSent += batch.length;
    this.#counters.bytesSent += stream.bytesSent - before;
  }

  #takeData(batch: DataMessage[], room: number): void {
    const { sendQueue, throttle } = this.#connection;
    if (throttle === undefined) {
      sendQueue.takeData(batch, MAX_WRITE_MESSAGES, room);
      return;
    }
    const now = this.#clock.now();
    if (throttle.shouldThrottle(now)) {
      this.#waitForThrottle(throttle.waitMs(now), now);
      return;
    }
    this.#endThrottling();
    const before = batch.length;
    const most = Math.min(MAX_WRITE_MESSAGES, before + throttle.messageBudget(now));
    const bytes = sendQueue.takeData(batch, most, Math.min(room, throttle.byteBudget(now)));
    throttle.spend(batch.length - before, bytes);
    if (sendQueue.hasReadyData && throttle.shouldThrottle(now))
      this.#waitForThrottle(throttle.waitMs(now), now);
  }

  #waitForThrottle(waitMs: number, now: number): void {
    if (this.#throttleTimer !== undefined) return;
    if (!this.#connection.throttled) {
      this.#connection.throttled = true;
      this.#throttledSince = now;
      this.#counters.throttledTimes += 1;
    }
    this.#throttleTimer = this.#clock.setTimeout(
      () => {
        this.#throttleTimer = undefined;
        this.#countThrottled();
        // From here on it may be the client or the network that holds the data.
        this.#connection.throttled = this.#throttleHoldsData();
        this.wake();
      },
      Math.min(Math.max(1, Math.ceil(waitMs)), this.#options.flowControlDelayMs),
    );
  }

  #throttleHoldsData(): boolean {
    const { sendQueue, throttle } = this.#connection;
    return sendQueue.hasReadyData && throttle?.shouldThrottle(this.#clock.now()) === true;
  }

  #countThrottled(): void {
    if (!this.#connection.throttled) return;
    const now = this.#clock.now();
    const heldMs = now - this.#throttledSince;
    this.#throttledSince = now;
    this.#counters.throttledMs += heldMs;
    this.#connection.throttledMs += heldMs;
  }

  #endThrottling(): void {
    this.#countThrottled();
    this.#connection.throttled = false;
    this.#throttleTimer?.cancel();
    this.#throttleTimer = undefined;
  }

  /** Asked by the watch, which forgets it unless this is a time to come. */
  lookForStall(): number {
    const waits = this.#connection.stream.bytesInFlight > 0;
    const leftMs = waits ? this.#progressAt + this.#options.sendTimeoutMs - this.#clock.now() : Infinity;
    this.#watched = waits && leftMs > 0;
    return leftMs;
  }

  /** Called by the watch, which has forgotten it. */
  onStalled(): void {
    if (this.#stopped) return;
    const stalledMs = this.#clock.now() - this.#progressAt;
    this.#events.onSlow(Math.round(stalledMs), this.#connection.stream.bytesInFlight);
  }

  /** However many writes there are while something is in flight, it is watched once. */
  #watchForStall(): void {
    if (this.#watched || this.#connection.stream.bytesInFlight === 0) return;
    this.#watched = true;
    this.#stalls.watch(this);
  }
}
