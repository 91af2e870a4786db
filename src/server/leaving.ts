import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import { controlMessage, type DataMessage } from '../wire/messages.js';
import type { StreamSettings } from './settings.js';

export interface LeavingEvents {
  /** Whether a session that is attached here has something to do. */
  readonly oweSomething: boolean;
  notify(message: DataMessage): void;
  /** The client is asked to leave, for the first time or again. */
  onAsked?(): void;
  /** Nothing is handled for the client or owed to it any more, or its time is up. */
  end(error: SluiceError): void;
}

/**
 * How a connection is asked to leave: `Drain` tells the client, which may then
 * finish and half-close. It is ended when nothing is owed to it and it has been
 * quiet for a moment, at the latest when the grace time is over. A stream that
 * reaches one of its limits (age, messages, bytes) leaves the same way.
 */
export class Leaving {
  readonly #clock: Clock;
  readonly #connection: ClientConnection;
  readonly #settings: StreamSettings;
  readonly #events: LeavingEvents;
  #timer: Timer | undefined;

  constructor(clock: Clock, connection: ClientConnection, settings: StreamSettings, events: LeavingEvents) {
    this.#clock = clock;
    this.#connection = connection;
    this.#settings = settings;
    this.#events = events;
  }

  /** Watches the stream's age, where it has a limit. */
  start(): void {
    const { maxStreamAgeMs, ageJitter } = this.#settings;
    const ageMs = maxStreamAgeMs > 0 ? maxStreamAgeMs * (1 - ageJitter * Math.random()) : Infinity;
    const leftOfConnection = this.#connection.stream.connectionDeadline ?? Infinity;
    const dueMs = Math.min(ageMs, leftOfConnection - this.#clock.now());
    if (dueMs === Infinity) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      const setting =
        ageMs <= dueMs ? `server.maxStreamAge = ${maxStreamAgeMs} ms` : 'server.maxConnectionAge';
      this.#leave(
        'age',
        `it is ${Math.round(this.#clock.now() - this.#connection.openedAt)} ms old (${setting})`,
      );
    }, dueMs);
  }

  /** Looks at what the stream has carried, where that has a limit; called after each batch. */
  checkLimits(): void {
    const { maxStreamMessages, maxStreamBytes } = this.#settings;
    if (maxStreamMessages === 0 && maxStreamBytes === 0) return;
    if (this.#connection.state.kind !== 'open') return;
    const messages = this.#connection.messagesReceived + this.#connection.messagesSent;
    const bytes = this.#connection.stream.bytesReceived + this.#connection.stream.bytesSent;
    if (maxStreamMessages > 0 && messages >= maxStreamMessages) {
      this.#leave(
        'messages',
        `it has carried ${messages} messages (server.maxStreamMessages = ${maxStreamMessages})`,
      );
    } else if (maxStreamBytes > 0 && bytes >= maxStreamBytes) {
      this.#leave('bytes', `it has carried ${bytes} bytes (server.maxStreamBytes = ${maxStreamBytes} bytes)`);
    }
  }

  /** Tells the client and waits. Where it is leaving already, the sooner deadline holds. */
  begin(graceMs: number, reason: string, error: SluiceError): void {
    const now = this.#clock.now();
    const { state } = this.#connection;
    if (state.kind === 'closed') return;
    const told = state.kind === 'draining' ? state.deadline : Infinity;
    const deadline = Math.min(told, now + graceMs);
    this.#connection.transition({ kind: 'draining', deadline });
    this.#events.notify(controlMessage({ action: 'drain', deadlineMs: Math.round(deadline - now), reason }));
    this.#events.onAsked?.();
    this.#timer?.cancel();
    this.#wait(deadline, error);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #leave(limit: string, explanation: string): void {
    this.begin(
      this.#settings.ageGraceMs,
      `connection: ${limit}`,
      new SluiceError('STREAM_LIMIT', `the stream has to be opened anew: ${explanation}`, {
        retryAfterMs: 0,
      }),
    );
  }

  #wait(deadline: number, error: SluiceError): void {
    const now = this.#clock.now();
    const delayMs = Math.min(this.#settings.drainQuietMs, deadline - now);
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#clock.now() >= deadline || this.#isQuiet()) this.#events.end(error);
        else this.#wait(deadline, error);
      },
      Math.max(0, delayMs),
    );
  }

  #isQuiet(): boolean {
    const { receiveQuota, sendQueue, stream, lastActivity } = this.#connection;
    const owed = receiveQuota.messages > 0 || !sendQueue.isEmpty || stream.bytesInFlight > 0;
    return (
      !owed && !this.#events.oweSomething && this.#clock.now() - lastActivity >= this.#settings.drainQuietMs
    );
  }
}
