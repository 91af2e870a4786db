import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { StreamSettings } from './settings.js';

export interface LivenessEvents {
  heartbeatDue(): void;
  /** The client kept silent for longer than it may. */
  silent(error: SluiceError): void;
}

/**
 * The two clocks of a connection: when to send the next heartbeat, and how
 * long the client may keep silent. The second speaks of the first message
 * until it has come; after that only of clients that promised to be heard from
 * (a HEARTBEAT, an Open), and stands still while the gateway does not read.
 * One timer each, which looks back when it fires: a message costs nothing.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #connection: ClientConnection;
  readonly #settings: StreamSettings;
  readonly #events: LivenessEvents;
  #heartbeat: Timer | undefined;
  #silence: Timer | undefined;
  #promised = false;

  constructor(clock: Clock, connection: ClientConnection, settings: StreamSettings, events: LivenessEvents) {
    this.#clock = clock;
    this.#connection = connection;
    this.#settings = settings;
    this.#events = events;
  }

  start(): void {
    if (this.#settings.heartbeatIntervalMs > 0) this.#armHeartbeat();
    const { firstMessageTimeoutMs } = this.#settings;
    if (firstMessageTimeoutMs === 0) return;
    this.#silence = this.#clock.setTimeout(() => {
      this.#silence = undefined;
      if (this.#connection.messagesReceived > 0 || this.#connection.halfClosed) return;
      this.#events.silent(
        new SluiceError(
          'RECEIVE_TIMEOUT',
          `no first message within ${firstMessageTimeoutMs} ms (stream.firstMessageTimeout)`,
        ),
      );
    }, firstMessageTimeoutMs);
  }

  /** The client has promised to be heard from. */
  promised(): void {
    if (this.#promised) return;
    this.#promised = true;
    this.#silence?.cancel();
    if (this.#settings.receiveTimeoutMs > 0) this.#armSilence(this.#settings.receiveTimeoutMs);
  }

  stop(): void {
    this.#heartbeat?.cancel();
    this.#silence?.cancel();
    this.#heartbeat = undefined;
    this.#silence = undefined;
  }

  #armHeartbeat(): void {
    this.#heartbeat = this.#clock.setTimeout(() => {
      this.#armHeartbeat();
      this.#events.heartbeatDue();
    }, this.#settings.heartbeatIntervalMs);
  }

  #armSilence(delayMs: number): void {
    this.#silence = this.#clock.setTimeout(() => {
      this.#silence = undefined;
      const { receiveTimeoutMs } = this.#settings;
      if (this.#connection.halfClosed) return;
      if (this.#connection.readingStopped) {
        this.#armSilence(receiveTimeoutMs);
        return;
      }
      const silentMs = this.#clock.now() - this.#connection.lastActivity;
      if (silentMs < receiveTimeoutMs) {
        this.#armSilence(receiveTimeoutMs - silentMs);
        return;
      }
      this.#events.silent(
        new SluiceError(
          'RECEIVE_TIMEOUT',
          `nothing received for ${Math.round(silentMs)} ms from a client that sends heartbeats ` +
            `(stream.receiveTimeout = ${receiveTimeoutMs} ms)`,
        ),
      );
    }, delayMs);
  }
}
