import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { StreamClose, StreamReceiver } from '../transport/contract.js';
import { isData, MessageType, type DataMessage } from '../wire/messages.js';
import type { Receiving } from './connection-sessions.js';
import { isPrintableId } from '../core/printable.js';
import { invalidSessionId } from './session-id.js';
import type { ServerCounters } from './server-counters.js';

/** What the receive loop makes of what arrives; the supervisor of the connection answers. */
export interface ReceiveEvents {
  /** Whether nothing more is to be read for now, however much room this connection has itself. */
  readonly readingIsHeld: boolean;
  /** The session this data is for; undefined when it was refused. */
  sessionFor(message: DataMessage): Receiving | undefined;
  /** Keeps a message about a session for which it is not decided yet whether it opens; whether it did. */
  defers(message: DataMessage): boolean;
  /** An ACK, or another message of a session that bears an ack. */
  onAck(message: DataMessage): void;
  onControl(message: DataMessage): void;
  onHeartbeat(): void;
  onHealthCheck(message: DataMessage): void;
  /** One message is refused, the connection goes on. */
  refuse(sessionId: string, error: SluiceError): void;
  /** The connection can't go on. */
  fail(error: SluiceError): void;
  onHalfClose(): void;
  /** The transport asked for room and there was none: it stops reading. */
  onReadingStopped(): void;
  /** The client has been heard: limits on what a stream may carry are looked at. */
  onReceived(): void;
  onWritten(): void;
  onClose(close: StreamClose): void;
}

/**
 * Takes decoded messages from the transport, notes that the client lives, and
 * sorts by type: data to its session, the rest to the supervisor. It reads only
 * as much as the receive queue and the queue of answers have room for.
 */
export class ReceiveLoop implements StreamReceiver {
  readonly #clock: Clock;
  readonly #connection: ClientConnection;
  readonly #events: ReceiveEvents;
  readonly #counters: ServerCounters;
  #bytesCounted = 0;
  /** The session of the last message: most often that of the next. */
  #last: Receiving | undefined;
  /**
   * What came with an Open for which there is no room among the answers, from
   * that Open on: it may be answered by a window of Errors. No more than one
   * `onMessages` brought, which is no more than there was room for.
   */
  #aside: readonly DataMessage[] = [];

  constructor(clock: Clock, connection: ClientConnection, events: ReceiveEvents, counters: ServerCounters) {
    this.#clock = clock;
    this.#connection = connection;
    this.#events = events;
    this.#counters = counters;
  }

  get room(): number {
    const { receiveQuota, sendQueue, state } = this.#connection;
    if (state.kind === 'closed') return 0;
    const room = this.#events.readingIsHeld ? 0 : Math.min(receiveQuota.room, sendQueue.controlRoom);
    if (room === 0) this.#events.onReadingStopped();
    return room;
  }

  onMessages(messages: readonly DataMessage[]): void {
    const startedAt = this.#clock.now();
    const connection = this.#connection;
    const counters = this.#counters;
    connection.lastActivity = startedAt;
    connection.messagesReceived += messages.length;
    counters.messagesReceived += messages.length;
    this.#countBytes();
    this.#sort(messages, startedAt);
    this.#events.onReceived();
  }

  /** Answers were written: what was put aside goes on, before anything that is read behind it. */
  goOn(): void {
    if (this.#aside.length === 0 || this.#connection.sendQueue.controlRoom === 0) return;
    const messages = this.#aside;
    this.#aside = [];
    this.replay(messages);
  }

  /** Messages that were read before and have waited. */
  replay(messages: readonly DataMessage[]): void {
    this.#sort(messages, this.#clock.now());
    this.#events.onReceived();
  }

  onHalfClose(): void {
    this.#events.onHalfClose();
  }

  onInvalid(error: SluiceError): void {
    this.#countBytes();
    this.#events.fail(error);
  }

  onWritten(): void {
    this.#events.onWritten();
  }

  onClose(close: StreamClose): void {
    this.#countBytes();
    this.#aside = [];
    this.#events.onClose(close);
  }

  /** The session is over: the next message of its ID opens another. */
  forget(attachment: Receiving): void {
    if (this.#last === attachment) this.#last = undefined;
  }

  #sort(messages: readonly DataMessage[], now: number): void {
    const { sendQueue } = this.#connection;
    const counters = this.#counters;
    const deliveredBefore = counters.up.delivered;
    let at = 0;
    for (const message of messages) {
      if (this.#connection.state.kind === 'closed') break;
      if (isData(message)) {
        this.#onData(message, now);
      } else if (message.control?.action === 'open' && sendQueue.controlRoom === 0) {
        // What was put aside before came later than what is read again.
        this.#aside = [...messages.slice(at), ...this.#aside];
        break;
      } else this.#onOther(message);
      at += 1;
    }
    const handled = counters.up.delivered - deliveredBefore;
    // What was handled within this turn is timed together: a clock reading a message would cost more than most routes.
    if (handled > 0) counters.processing.observe((this.#clock.now() - now) / handled, handled);
  }

  #onData(message: DataMessage, now: number): void {
    let session = this.#last;
    if (session?.sessionId !== message.sessionId) {
      session = this.#events.sessionFor(message);
      if (session === undefined) return;
      this.#last = session;
    }
    session.receive(message, now);
  }

  #onOther(message: DataMessage): void {
    if (message.type === MessageType.HEARTBEAT) {
      this.#events.onHeartbeat();
      if (message.ack !== 0 && message.sessionId !== '' && !this.#events.defers(message)) {
        this.#events.onAck(message);
      }
      return;
    }
    // Answers name the session: a name without bounds would make answers without bounds.
    if (message.sessionId !== '' && !isPrintableId(message.sessionId)) {
      this.#events.refuse(message.sessionId, invalidSessionId(message.sessionId));
      return;
    }
    switch (message.type) {
      case MessageType.CONTROL:
        if (message.sessionId !== '' && this.#events.defers(message)) return;
        // Not on an Open: its position acknowledges nothing, and the session is not open here yet.
        if (message.ack !== 0 && message.control?.action !== 'open') this.#events.onAck(message);
        this.#events.onControl(message);
        return;
      case MessageType.HEALTH_CHECK:
        this.#events.onHealthCheck(message);
        return;
      case MessageType.ACK:
        if (!this.#events.defers(message)) this.#events.onAck(message);
        return;
      default:
        this.#events.refuse(
          message.sessionId,
          new SluiceError('INVALID_MESSAGE', `message type ${message.type} is not known; known are 0 to 5`),
        );
    }
  }

  #countBytes(): void {
    const { bytesReceived } = this.#connection.stream;
    this.#counters.bytesReceived += bytesReceived - this.#bytesCounted;
    this.#bytesCounted = bytesReceived;
  }
}
