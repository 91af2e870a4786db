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
 * One timer for both, which looks back when it fires: a message costs nothing.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #connection: ClientConnection;
  readonly #settings: StreamSettings;
  readonly #events: LivenessEvents;
  #timer: Timer | undefined;
  #heartbeatAt = Infinity;
  /** When the client may have kept silent for too long. */
  #silenceAt = Infinity;
  #promised = false;

  constructor(clock: Clock, connection: ClientConnection, settings: StreamSettings, events: LivenessEvents) {
    this.#clock = clock;
    this.#connection = connection;
    this.#settings = settings;
    this.#events = events;
  }

  start(): void {
    const { heartbeatIntervalMs, firstMessageTimeoutMs } = this.#settings;
    const now = this.#clock.now();
    if (heartbeatIntervalMs > 0) this.#heartbeatAt = now + heartbeatIntervalMs;
    if (firstMessageTimeoutMs > 0) this.#silenceAt = now + firstMessageTimeoutMs;
    this.#arm(now);
  }

  /** The client has promised to be heard from. */
  promised(): void {
    if (this.#promised) return;
    this.#promised = true;
    const { receiveTimeoutMs } = this.#settings;
    const now = this.#clock.now();
    this.#silenceAt = receiveTimeoutMs > 0 ? now + receiveTimeoutMs : Infinity;
    this.#arm(now);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#heartbeatAt = Infinity;
    this.#silenceAt = Infinity;
  }

  #arm(now: number): void {
    this.#timer?.cancel();
    const at = Math.min(this.#heartbeatAt, this.#silenceAt);
    this.#timer = at === Infinity ? undefined : this.#clock.setTimeout(this.#onTimer, at - now);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    const isHeartbeat = now >= this.#heartbeatAt;
    if (isHeartbeat) this.#heartbeatAt = now + this.#settings.heartbeatIntervalMs;
    const error = now >= this.#silenceAt ? this.#lookBack(now) : undefined;
    this.#arm(now);
    if (isHeartbeat) this.#events.heartbeatDue();
    if (error !== undefined) this.#events.silent(error);
  };

  /** What the client is to be told, or when to look again. */
  #lookBack(now: number): SluiceError | undefined {
    const { firstMessageTimeoutMs, receiveTimeoutMs } = this.#settings;
    const { halfClosed, readingStopped, lastActivity, messagesReceived } = this.#connection;
    this.#silenceAt = Infinity;
    if (halfClosed) return undefined;
    if (!this.#promised) {
      if (messagesReceived > 0) return undefined;
      return new SluiceError(
        'RECEIVE_TIMEOUT',
        `no first message within ${firstMessageTimeoutMs} ms (stream.firstMessageTimeout)`,
      );
    }
    const silentMs = readingStopped ? 0 : now - lastActivity;
    if (silentMs < receiveTimeoutMs) {
      this.#silenceAt = now + receiveTimeoutMs - silentMs;
      return undefined;
    }
    return new SluiceError(
      'RECEIVE_TIMEOUT',
      `nothing received for ${Math.round(silentMs)} ms from a client that sends heartbeats ` +
        `(stream.receiveTimeout = ${receiveTimeoutMs} ms)`,
    );
  }
}
