import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import type { Clock, Timer } from '../../core/clock.js';
import { setConnectionDeadline } from './connection-age.js';
import { Keepalive, type KeepalivePolicy } from './keepalive.js';
import { PingEnforcement, type PingPolicy } from './ping-enforcement.js';

/** Time a peer has to close its side after GOAWAY, before its socket is destroyed. */
const CLOSE_GRACE_MS = 1_000;
/** RFC 9113 section 4.1 and 6.7: a frame header of 9 bytes and 8 bytes of payload. */
const PING_FRAME_BYTES = 17;
/** An acknowledgement of SETTINGS is a frame header alone (RFC 9113 section 6.5). */
const SETTINGS_ACK_BYTES = 9;

export interface SessionPolicy extends KeepalivePolicy, PingPolicy {
  /** From the connection to the client's SETTINGS. */
  readonly handshakeTimeoutMs: number;
  /** How long a connection may stay without a stream; 0 = for ever. */
  readonly idleTimeoutMs: number;
  /** The HTTP/2 flow-control window of the connection. */
  readonly connectionWindowBytes: number;
  /** How old a connection may grow, less up to `ageJitter` of it; 0 = as old as it will. */
  readonly maxConnectionAgeMs: number;
  readonly ageJitter: number;
  /** What its streams have to finish, once it is that old. */
  readonly ageGraceMs: number;
}

export interface SessionEvents {
  onHandshakeTimeout(): void;
  onPingFlood(socket: Socket): void;
  onClose(guard: SessionGuard): void;
}

/**
 * What gRPC asks of one HTTP/2 connection and grpc-js's server leaves out: the
 * client's SETTINGS in time, a live peer, no more pings than agreed, no
 * connection kept for nothing. Each connection has one, from its beginning to
 * its end; it leaves no timer behind.
 */
export class SessionGuard {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #policy: SessionPolicy;
  readonly #events: SessionEvents;
  readonly #pings: PingEnforcement;
  readonly #keepalive: Keepalive;
  /** One at a time: the handshake's, then the idle time's, then the time for closing. */
  #timer: Timer | undefined;
  #ageTimer: Timer | undefined;
  #openStreams = 0;
  #idleSince = 0;
  #pingsReceived = 0;
  #settingsReceived = 0;
  #closing = false;
  #closed = false;

  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    clock: Clock,
    policy: SessionPolicy,
    events: SessionEvents,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#clock = clock;
    this.#policy = policy;
    this.#events = events;
    this.#pings = new PingEnforcement(policy);
    this.#keepalive = new Keepalive(clock, policy, session, socket, () => {
      socket.destroy();
    });
    session.setLocalWindowSize(policy.connectionWindowBytes);
    session.on('remoteSettings', this.#onSettings);
    session.on('ping', this.#onPing);
    session.on('stream', this.#onStream);
    session.once('close', this.#onClose);
    session.on('error', ignoreError);
    this.#timer = clock.setTimeout(() => {
      events.onHandshakeTimeout();
      socket.destroy();
    }, policy.handshakeTimeoutMs);
    if (policy.maxConnectionAgeMs > 0) this.#limitAge(policy);
  }

  /** GOAWAY: no new streams; the connection closes when its last stream has ended. Idempotent. */
  drain(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    // Never from within a 'stream' event: some versions of Node abort then.
    this.#clock.setImmediate(() => {
      if (this.#closed || this.#session.destroyed) return;
      this.#session.close();
      if (this.#openStreams === 0) this.#destroySoon();
    });
  }

  /** Its streams learn the deadline and take their leave themselves; who does not is cut off after the grace. */
  #limitAge({ maxConnectionAgeMs, ageJitter, ageGraceMs }: SessionPolicy): void {
    const ageMs = maxConnectionAgeMs * (1 - ageJitter * Math.random());
    setConnectionDeadline(this.#session, this.#clock.now() + ageMs);
    this.#ageTimer = this.#clock.setTimeout(() => {
      this.drain();
      this.#ageTimer = this.#clock.setTimeout(() => {
        this.#socket.destroy();
      }, ageGraceMs + CLOSE_GRACE_MS);
    }, ageMs);
  }

  readonly #onSettings = (): void => {
    this.#settingsReceived += 1;
    if (this.#settingsReceived > 1 || this.#closing) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#keepalive.start();
    if (this.#openStreams === 0) this.#startIdle();
  };

  readonly #onPing = (): void => {
    if (this.#closing) return;
    // What was sent besides answers to pings and settings, and our own pings. Answers not yet written make it
    // too small for a moment, never too large: only a true increase forgives. Window updates count as sent.
    const answers = PING_FRAME_BYTES * (this.#pingsReceived + this.#keepalive.pingsSent);
    const sentBytes = this.#socket.bytesWritten - answers - SETTINGS_ACK_BYTES * this.#settingsReceived;
    this.#pingsReceived += 1;
    if (!this.#pings.isTooMany(this.#clock.now(), this.#openStreams, sentBytes)) return;
    this.#closing = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#events.onPingFlood(this.#socket);
    this.#clock.setImmediate(() => {
      // Node itself ends a session whose answers pile up, and tells of it later than here.
      if (this.#closed || this.#session.destroyed) return;
      this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, TOO_MANY_PINGS);
      this.#session.close();
      this.#destroySoon();
    });
  };

  readonly #onStream = (stream: ServerHttp2Stream): void => {
    this.#openStreams += 1;
    stream.once('close', this.#onStreamClose);
  };

  readonly #onStreamClose = (): void => {
    this.#openStreams -= 1;
    if (this.#openStreams > 0 || this.#closed) return;
    if (this.#closing) this.#destroySoon();
    else if (this.#settingsReceived > 0) this.#startIdle();
  };

  #startIdle(): void {
    if (this.#policy.idleTimeoutMs === 0) return;
    this.#idleSince = this.#clock.now();
    // A timer under way is kept, so that a busy connection of short calls doesn't make one for each.
    this.#timer ??= this.#clock.setTimeout(this.#onIdle, this.#policy.idleTimeoutMs);
  }

  readonly #onIdle = (): void => {
    this.#timer = undefined;
    if (this.#openStreams > 0) return;
    const leftMs = this.#idleSince + this.#policy.idleTimeoutMs - this.#clock.now();
    if (leftMs <= 0) this.drain();
    else this.#timer = this.#clock.setTimeout(this.#onIdle, leftMs);
  };

  /** A peer that never closes its side would hold the socket for ever. */
  #destroySoon(): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#socket.destroy();
    }, CLOSE_GRACE_MS);
  }

  readonly #onClose = (): void => {
    this.#closed = true;
    this.#keepalive.stop();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ageTimer?.cancel();
    this.#ageTimer = undefined;
    this.#events.onClose(this);
  };
}

/** The debug data gRPC clients look for before they lengthen their ping interval (proposal A8). */
const TOO_MANY_PINGS = Buffer.from('too_many_pings', 'latin1');

function ignoreError(): void {
  // 'close' follows.
}
