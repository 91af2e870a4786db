import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import type { Clock, Timer } from '../../core/clock.js';
import { setConnectionDeadline } from './connection-age.js';
import { Keepalive, type KeepalivePolicy } from './keepalive.js';
import { isOwnReset } from './own-resets.js';
import { PingEnforcement, type PingPolicy } from './ping-enforcement.js';

/** Time a peer has to close its side after GOAWAY, before its socket is destroyed. */
const CLOSE_GRACE_MS = 1_000;
/** RFC 9113 section 4.1 and 6.7: a frame header of 9 bytes and 8 bytes of payload. */
const PING_FRAME_BYTES = 17;
/** An acknowledgement of SETTINGS is a frame header alone (RFC 9113 section 6.5). */
const SETTINGS_ACK_BYTES = 9;
/** nghttp2's NGHTTP2_ERR_BAD_CLIENT_MAGIC: the first bytes are not the preface of RFC 9113 section 3.4. */
const BAD_CLIENT_MAGIC = -903;
const NOT_HTTP2 = 'the client does not speak HTTP/2: it may speak HTTP/1.1, or TLS where none is configured';

export interface SessionPolicy extends KeepalivePolicy, PingPolicy {
  /** From the connection to the client's SETTINGS. */
  readonly handshakeTimeoutMs: number;
  /** How long a connection may stay without a stream; 0 = for ever. */
  readonly idleTimeoutMs: number;
  /** The HTTP/2 flow-control window of the connection. */
  readonly connectionWindowBytes: number;
  /** Request headers of one call: names, values and 32 bytes an entry (RFC 9113 section 6.5.2). */
  readonly maxMetadataBytes: number;
  /** How old a connection may grow, less up to `ageJitter` of it; 0 = as old as it will. */
  readonly maxConnectionAgeMs: number;
  readonly ageJitter: number;
  /** What its streams have to finish, once it is that old. */
  readonly ageGraceMs: number;
}

export interface SessionEvents {
  onHandshakeTimeout(): void;
  /** Not HTTP/2, or broken before its first SETTINGS. */
  onHandshakeFailure(reason: string, peer: string): void;
  onPingFlood(peer: string): void;
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
  /** Kept, for a socket that is gone can't tell any more. */
  readonly #peer: string;
  readonly #clock: Clock;
  readonly #policy: SessionPolicy;
  readonly #events: SessionEvents;
  readonly #pings: PingEnforcement;
  readonly #keepalive: Keepalive;
  /** One at a time: the handshake's, then the idle time's, then the time for closing. */
  #timer: Timer | undefined;
  #ageTimer: Timer | undefined;
  #openStreams = 0;
  #hadStreams = false;
  #resets = 0;
  #resetsSince = 0;
  #idleSince = 0;
  #pingsReceived = 0;
  #settingsReceived = 0;
  #closing = false;
  #closed = false;

  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    peer: string,
    clock: Clock,
    policy: SessionPolicy,
    events: SessionEvents,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#peer = peer;
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
    session.on('close', this.#onClose);
    // 'close' follows.
    session.on('error', this.#onError);
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
    this.#stopTimer();
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
    this.#stopTimer();
    this.#keepalive.start();
    if (this.#openStreams === 0) this.#startIdle();
  };

  readonly #onError = (error: Error): void => {
    if (this.#settingsReceived > 0 || this.#closing || this.#closed) return;
    // A client that only left, a load balancer's probe for example, failed at nothing.
    if (!('code' in error) || error.code !== 'ERR_HTTP2_ERROR') return;
    const notHttp2 = 'errno' in error && error.errno === BAD_CLIENT_MAGIC;
    this.#events.onHandshakeFailure(notHttp2 ? NOT_HTTP2 : `broken HTTP/2: ${error.message}`, this.#peer);
  };

  readonly #onPing = (): void => {
    if (this.#closing) return;
    // What was sent besides answers to pings and settings, and our own pings. Answers not yet written make it
    // too small for a moment, never too large: only a true increase forgives. Window updates count as sent.
    const answers = PING_FRAME_BYTES * (this.#pingsReceived + this.#keepalive.pingsSent);
    const sentBytes = this.#socket.bytesWritten - answers - SETTINGS_ACK_BYTES * this.#settingsReceived;
    this.#pingsReceived += 1;
    if (!this.#pings.isTooMany(this.#clock.now(), this.#openStreams, sentBytes)) return;
    this.#events.onPingFlood(this.#peer);
    this.#sendAway(TOO_MANY_PINGS);
  };

  /** GOAWAY for a client that asks too much, and soon its end, whatever is open. `why` is debug data. */
  #sendAway(why: Buffer): void {
    this.#closing = true;
    this.#stopTimer();
    this.#clock.setImmediate(() => {
      // Node itself ends a session whose answers pile up, and tells of it later than here.
      if (this.#closed || this.#session.destroyed) return;
      this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, why);
      this.#session.close();
      this.#destroySoon();
    });
  }

  readonly #onStream = (
    stream: ServerHttp2Stream,
    _headers: unknown,
    _flags: number,
    rawHeaders: readonly string[],
  ): void => {
    this.#openStreams += 1;
    // Most open one stream and keep it: the timer of the wait for it would stay for nothing.
    if (!this.#hadStreams && !this.#closing && this.#settingsReceived > 0) this.#stopTimer();
    this.#hadStreams = true;
    stream.on('close', () => {
      this.#onStreamClose(stream);
    });
    // The limit we announce is a wish to nghttp2, which takes 64 KiB all the same.
    if (headerListBytes(rawHeaders) > this.#policy.maxMetadataBytes) {
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  };

  /**
   * Node stops serving a connection that resets too many streams (1,000, then
   * 33 a second) without a word to anyone; we say GOAWAY before it does.
   */
  #countReset(): void {
    const now = this.#clock.now();
    if (now - this.#resetsSince > RESET_WINDOW_MS) {
      this.#resetsSince = now;
      this.#resets = 0;
    }
    this.#resets += 1;
    if (this.#resets > MAX_RESETS && !this.#closing && !this.#closed) this.#sendAway(TOO_MANY_RESETS);
  }

  #onStreamClose(stream: ServerHttp2Stream): void {
    if (stream.rstCode === constants.NGHTTP2_CANCEL && !isOwnReset(stream)) this.#countReset();
    this.#openStreams -= 1;
    if (this.#openStreams > 0 || this.#closed) return;
    if (this.#closing) this.#destroySoon();
    else if (this.#settingsReceived > 0) this.#startIdle();
  }

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

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A peer that never closes its side would hold the socket for ever. */
  #destroySoon(): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#socket.destroy();
    }, CLOSE_GRACE_MS);
  }

  readonly #onClose = (): void => {
    this.#closed = true;
    this.#keepalive.stop();
    this.#stopTimer();
    this.#ageTimer?.cancel();
    this.#ageTimer = undefined;
    this.#events.onClose(this);
    this.#releaseSocket();
  };

  /** A session that has closed reads its socket no more: a client that goes without a word would never be noticed. */
  #releaseSocket(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const timer = this.#clock.setTimeout(() => {
      socket.destroy();
    }, CLOSE_GRACE_MS);
    socket.once('close', () => {
      timer.cancel();
    });
  }
}

/** Streams a client may cancel in so much time. */
const MAX_RESETS = 800;
const RESET_WINDOW_MS = 10_000;
const TOO_MANY_RESETS = Buffer.from('too_many_resets', 'latin1');

function headerListBytes(rawHeaders: readonly string[]): number {
  let bytes = 16 * rawHeaders.length;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

/** The debug data gRPC clients look for before they lengthen their ping interval (proposal A8). */
const TOO_MANY_PINGS = Buffer.from('too_many_pings', 'latin1');
