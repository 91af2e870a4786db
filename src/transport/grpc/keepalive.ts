import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

import type { Clock, Timer } from '../../core/clock.js';

export interface KeepalivePolicy {
  /** Silence after which the peer is pinged; 0 = never. */
  readonly keepaliveIntervalMs: number;
  /** How long the peer has to be heard from after a ping. */
  readonly keepaliveTimeoutMs: number;
}

/**
 * Finds out that a peer is gone (gRPC keepalive): after an interval in which
 * nothing was received it is pinged, and when nothing at all comes within the
 * timeout, `onDead` is called. Any byte received counts as life, so a busy
 * connection is never pinged.
 */
export class Keepalive {
  readonly #clock: Clock;
  readonly #policy: KeepalivePolicy;
  readonly #session: Http2Session;
  readonly #socket: Socket;
  readonly #onDead: () => void;
  #timer: Timer | undefined;
  #receivedBytes = 0;
  #pingsSent = 0;
  #stopped = false;

  constructor(
    clock: Clock,
    policy: KeepalivePolicy,
    session: Http2Session,
    socket: Socket,
    onDead: () => void,
  ) {
    this.#clock = clock;
    this.#policy = policy;
    this.#session = session;
    this.#socket = socket;
    this.#onDead = onDead;
  }

  /** Pings sent so far. */
  get pingsSent(): number {
    return this.#pingsSent;
  }

  start(): void {
    if (this.#stopped || this.#policy.keepaliveIntervalMs === 0) return;
    this.#receivedBytes = this.#socket.bytesRead;
    this.#timer = this.#clock.setTimeout(this.#onInterval, this.#policy.keepaliveIntervalMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #onInterval = (): void => {
    if (this.#heardFromPeer()) {
      this.start();
      return;
    }
    try {
      this.#pingsSent += 1;
      this.#session.ping(ignoreAnswer);
    } catch {
      // The session is closing: its socket is judged by the timeout all the same.
    }
    this.#timer = this.#clock.setTimeout(this.#onTimeout, this.#policy.keepaliveTimeoutMs);
  };

  readonly #onTimeout = (): void => {
    // After a long pause of this process timers come before what the network holds: read that first.
    this.#clock.setImmediate(() => {
      if (this.#stopped) return;
      if (this.#heardFromPeer()) this.start();
      else this.#onDead();
    });
  };

  #heardFromPeer(): boolean {
    return this.#socket.bytesRead > this.#receivedBytes;
  }
}

function ignoreAnswer(): void {
  // That bytes came is the answer.
}
