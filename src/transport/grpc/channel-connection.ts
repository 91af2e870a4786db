import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../core/clock.js';
import type { CallEnd } from '../client-contract.js';
import type { ChannelAddress } from './channel-address.js';
import type { CallHost, ChannelCall } from './channel-call.js';
import { type ConnectPhase, connectFailure, type FailedConnect, NO_ALPN } from './channel-failure.js';
import { probeTls } from './channel-probe.js';
import type { ChannelTerms } from './channel-terms.js';
import type { ChannelSecurity } from './channel-tls.js';
import { Keepalive, type KeepalivePolicy } from './keepalive.js';

export interface ChannelConnectionOptions {
  readonly clock: Clock;
  readonly security: ChannelSecurity | undefined;
  readonly terms: ChannelTerms;
  /** From the last byte until TCP asks whether the other side is there; 0 = never. */
  readonly tcpKeepAliveMs: number;
  readonly connectTimeoutMs: number;
  /** Asks whether the other side is there while there are calls. Default: never. */
  readonly keepalive?: KeepalivePolicy | undefined;
  readonly flowControlWindowBytes: number;
  /** Calls at once; the gateway may allow fewer. */
  readonly maxCalls: number;
  /** Whether a connection to the address has been ready before. */
  readonly wasReady: () => boolean;
  readonly onReady: () => void;
  /** The other side has left for being asked too often. */
  readonly onTooManyPings: () => void;
  /** These calls have to go elsewhere: the gateway allows fewer on a connection, or this one takes no more. */
  readonly onSurplus: (calls: readonly ChannelCall[]) => void;
  readonly onClosed: (connection: ChannelConnection) => void;
}

/**
 * - `connecting`: calls wait for it
 * - `ready`
 * - `failing`: it has come to nothing; its calls wait to be told why
 * - `closed`: what is left of it goes in the next turn
 */
type State = 'connecting' | 'ready' | 'failing' | 'closed';

/** One network connection to a gateway, and the calls on it. */
export class ChannelConnection implements CallHost {
  readonly #address: ChannelAddress;
  readonly #options: ChannelConnectionOptions;
  readonly #socket: Socket;
  readonly #calls = new Set<ChannelCall>();
  #session: ClientHttp2Session | undefined;
  #state: State = 'connecting';
  #phase: ConnectPhase = 'tcp';
  #retired = false;
  /** Of the other side's GOAWAY: streams above it were not looked at (RFC 9113, section 6.8). */
  #lastStreamId: number | undefined;
  #resets = 0;
  #resetsSinceMs = -Infinity;
  #timer: Timer | undefined;
  #keepalive: Keepalive | undefined;
  #stopProbe: (() => void) | undefined;

  constructor(address: ChannelAddress, options: ChannelConnectionOptions) {
    this.#address = address;
    this.#options = options;
    this.#timer = options.clock.setTimeout(() => {
      this.#fail({ code: '', timeoutMs: options.connectTimeoutMs });
    }, options.connectTimeoutMs);
    const to =
      address.kind === 'unix'
        ? { path: address.path }
        : { host: address.host, port: address.port, noDelay: true };
    const { security } = options;
    this.#socket =
      security === undefined ? connectTcp(to) : connectTls({ ...to, ...security.optionsFor(address) });
    // Both say why it ended: TLS tells its alerts to the socket alone.
    this.#socket.on('error', this.#onError);
    this.#socket.on('close', this.#onClose);
    this.#socket.once('connect', () => {
      if (options.tcpKeepAliveMs > 0) this.#socket.setKeepAlive(true, options.tcpKeepAliveMs);
      this.#phase = security === undefined ? 'http2' : 'tls';
      if (security === undefined) this.#startHttp2();
    });
    this.#socket.once('secureConnect', () => {
      this.#phase = 'http2';
      this.#startHttp2();
    });
  }

  get address(): string {
    return this.#address.text;
  }

  get terms(): ChannelTerms {
    return this.#options.terms;
  }

  get isLost(): boolean {
    return this.#state === 'closed';
  }

  hasRefused(streamId: number | undefined): boolean {
    return this.#lastStreamId !== undefined && streamId !== undefined && streamId > this.#lastStreamId;
  }

  get hasRoom(): boolean {
    return !this.#retired && this.#calls.size < this.#maxCalls;
  }

  /** Takes a call, which begins as soon as it can. */
  add(call: ChannelCall): void {
    call.host = this;
    this.#calls.add(call);
    if (this.#calls.size === 1) {
      this.#session?.ref();
      this.#watch();
    }
    if (this.#session !== undefined && this.#state === 'ready') this.#begin([call], this.#session);
  }

  release(call: ChannelCall, takesNoMore: boolean): void {
    if (!this.#calls.delete(call)) return;
    if (takesNoMore) this.retire();
    if (this.#calls.size > 0) return;
    this.#keepalive?.stop();
    // Nobody waits for it any more, or ever will.
    if (this.#retired || this.#state !== 'ready') this.close();
    // An idle connection keeps no process alive.
    else this.#session?.unref();
  }

  /**
   * Servers end a connection that resets too many streams, and all calls on it:
   * before it comes to that, new ones go on another.
   */
  countReset(): void {
    const now = this.#options.clock.now();
    if (now - this.#resetsSinceMs > RESET_WINDOW_MS) {
      this.#resetsSinceMs = now;
      this.#resets = 0;
    }
    this.#resets += 1;
    if (this.#resets >= MAX_RESETS) this.retire();
  }

  /** No new calls; it is closed with its last one. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#calls.size === 0) this.close();
    if (this.#state !== 'ready') return;
    // In a turn of its own: it may be one of them whose end has brought this.
    this.#options.clock.setImmediate(() => {
      for (const call of [...this.#calls]) call.leaving();
    });
  }

  /** Lets go of the network; the calls there are have been ended before. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#keepalive?.stop();
    this.#stopProbe?.();
    this.retire();
    const session = this.#session;
    if (session === undefined) this.#socket.destroy();
    else {
      // In a turn of its own: the resets of its calls are written by then, and nobody is within it.
      this.#options.clock.setImmediate(() => {
        session.destroy();
        this.#socket.destroy();
      });
    }
    this.#options.onClosed(this);
  }

  endCalls(end: CallEnd): void {
    for (const call of this.#calls) call.endSoon(end);
  }

  get #maxCalls(): number {
    const { maxCalls } = this.#options;
    if (this.#session === undefined || this.#state !== 'ready') return maxCalls;
    // At 0 the gateway would make the first wait: still better than connections without end.
    return Math.max(1, Math.min(maxCalls, this.#session.remoteSettings.maxConcurrentStreams ?? maxCalls));
  }

  #startHttp2(): void {
    if (this.#state !== 'connecting') return;
    const tls = this.#options.security !== undefined;
    if (this.#socket instanceof TLSSocket && this.#socket.alpnProtocol !== 'h2') {
      this.#fail({ code: NO_ALPN });
      return;
    }
    const { flowControlWindowBytes } = this.#options;
    const session = connectHttp2(`${tls ? 'https' : 'http'}://${this.#address.authority}`, {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: flowControlWindowBytes },
      // In MB; what is held is bounded by windows, and at this limit Node refuses streams.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    this.#session = session;
    session.on('error', this.#onError);
    session.on('close', this.#onClose);
    session.on('goaway', (code: number, lastStreamId: number, data?: Uint8Array) => {
      this.#lastStreamId = lastStreamId;
      if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM && data !== undefined && isTooManyPings(data))
        this.#options.onTooManyPings();
      this.retire();
    });
    session.once('remoteSettings', () => {
      if (this.#state !== 'connecting') return;
      this.#state = 'ready';
      this.#timer?.cancel();
      this.#options.onReady();
      this.#watch();
      session.setLocalWindowSize(Math.max(flowControlWindowBytes, DEFAULT_WINDOW_BYTES));
      this.#begin([...this.#calls], session);
    });
  }

  /** Only while there are calls, as gRPC has it (gRFC A8): its servers take pings of idle connections for a flood. */
  #watch(): void {
    const { keepalive, clock } = this.#options;
    if (keepalive === undefined || this.#session === undefined || this.#state !== 'ready') return;
    if (this.#calls.size === 0) return;
    this.#keepalive?.stop();
    this.#keepalive = new Keepalive(clock, keepalive, this.#session, this.#socket, () => {
      this.#socket.destroy();
    });
    this.#keepalive.start();
  }

  #begin(calls: readonly ChannelCall[], session: ClientHttp2Session): void {
    const surplus: ChannelCall[] = [];
    let room = this.#maxCalls - (this.#calls.size - calls.length);
    for (const call of calls) {
      room -= 1;
      if (room >= 0 && call.begin(session)) continue;
      surplus.push(call);
      // It is leaving.
      if (room >= 0) this.retire();
    }
    if (surplus.length === 0) return;
    for (const call of surplus) this.#calls.delete(call);
    this.#options.onSurplus(surplus);
    if (this.#retired && this.#calls.size === 0) this.close();
  }

  readonly #onError = (error: Error): void => {
    const { code = '' } = error as NodeJS.ErrnoException;
    this.#fail({ code, detail: detailOf(error) });
  };

  readonly #onClose = (): void => {
    this.#fail({ code: '' });
  };

  #fail(failed: Pick<FailedConnect, 'code' | 'detail' | 'timeoutMs'>): void {
    if (this.#state === 'ready') {
      // Its calls hear of it from HTTP/2.
      this.close();
      return;
    }
    if (this.#state !== 'connecting') return;
    this.#state = 'failing';
    this.#timer?.cancel();
    this.retire();
    this.#socket.destroy();
    const { clock, security } = this.#options;
    const wasReady = this.#options.wasReady();
    const failure = {
      ...failed,
      phase: this.#phase,
      tls: security !== undefined,
      showsCertificate: security?.showsCertificate ?? false,
      wasReady,
    };
    const isHungUpOn = failed.timeoutMs === undefined && (failed.code === '' || failed.code === 'ECONNRESET');
    if (security !== undefined || this.#phase !== 'http2' || !isHungUpOn || wasReady) {
      this.#endAll(failure);
      return;
    }
    this.#stopProbe = probeTls(this.#address, clock, (speaksTls) => {
      this.#endAll({ ...failure, speaksTls });
    });
  }

  #endAll(failed: FailedConnect): void {
    this.endCalls(connectFailure(this.address, failed, this.terms));
  }
}

/**
 * With those that may follow of the calls under way no more than the strictest
 * of servers let pass: Netty's 200 in 30 seconds; nghttp2 has 1,000, and 33 a second.
 */
const MAX_RESETS = 100;
const RESET_WINDOW_MS = 30_000;

const DEFAULT_WINDOW_BYTES = 65_535;

/** What servers of gRPC say then (gRFC A8). */
function isTooManyPings(data: Uint8Array): boolean {
  return Buffer.from(data).toString('latin1') === 'too_many_pings';
}

/** OpenSSL's own words without its addresses, or Node's. */
function detailOf(error: Error): string {
  const { reason } = error as { readonly reason?: unknown };
  return typeof reason === 'string' ? reason : error.message;
}
