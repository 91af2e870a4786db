import type { Socket } from 'node:net';

import type { Clock } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { parseListenAddresses, type BoundAddress } from './address.js';
import { LimitedLog, type TransportLogger } from './limited-log.js';
import { openListeners, type Listener } from './listener.js';
import { takeProxyHeader } from './proxied-socket.js';
import { formatPeer, peerOf, statePeer } from './socket-peer.js';
import { SocketRegistry } from './socket-registry.js';
import { TlsGate } from './tls.js';
import type { TlsOptions } from './tls-files.js';
import type { TrustedAddresses } from './trusted-addresses.js';

/** A flood of one kind of event is one log line in this time. */
export const FLOOD_LOG_INTERVAL_MS = 10_000;

/** The counters a door raises. */
export interface DoorMetrics {
  socketsAccepted: number;
  socketsDropped: number;
  handshakeTimeouts: number;
  handshakeFailures: number;
}

export interface SocketDoorOptions {
  readonly clock: Clock;
  readonly logger: TransportLogger;
  readonly metrics: DoorMetrics;
  /** The section of the configuration that `listen` and `maxSockets` are of, for errors and the log: `server`. */
  readonly section: string;
  /** Addresses: host:port, [ipv6]:port, :port, unix:/path. Port 0 lets the system choose. */
  readonly listen: readonly string[];
  /** Network connections in all, TLS handshakes included; one more is closed at once. */
  readonly maxSockets: number;
  /** For the PROXY protocol header to come, and for TLS to be agreed. */
  readonly handshakeTimeoutMs: number;
  readonly tls?: TlsOptions;
  /** The protocol that TLS agrees on (RFC 7301). */
  readonly alpnProtocol: 'h2' | 'http/1.1';
  /** Whose connections each begin with a PROXY protocol header; all others are closed. Undefined: nobody's do. */
  readonly proxyProtocol?: TrustedAddresses;
  /** What a connection too many is told before it is closed. Undefined, or where TLS is spoken: nothing. */
  readonly refusal?: Buffer;
  /** False lets the system gather small writes (Nagle); nearly always true. */
  readonly tcpNoDelay: boolean;
}

/** Given a connection that may speak: over TLS, once that is agreed, with the certificate its client has shown, verified. */
export type OnConnection = (socket: Socket, certificate: ClientCertificate | undefined) => void;

type State = 'new' | 'opening' | 'open' | 'closed' | 'destroyed';

/**
 * Where connections come in, whatever they speak then: the listening sockets of
 * one section of the configuration, the limit on connections, TLS, and the
 * registry of all of them.
 */
export class SocketDoor {
  readonly #options: SocketDoorOptions;
  readonly #onConnection: OnConnection;
  readonly #sockets: SocketRegistry;
  readonly #listeners: Listener[] = [];
  readonly #refusals: LimitedLog;
  readonly #drops: LimitedLog;
  readonly #acceptErrors: LimitedLog;
  #tls: TlsGate | undefined;
  #state: State = 'new';

  constructor(options: SocketDoorOptions, onConnection: OnConnection) {
    const { logger, clock } = options;
    this.#options = options;
    this.#onConnection = onConnection;
    this.#sockets = new SocketRegistry(options.maxSockets);
    this.#refusals = new LimitedLog(logger, clock, FLOOD_LOG_INTERVAL_MS);
    this.#drops = new LimitedLog(logger, clock, FLOOD_LOG_INTERVAL_MS);
    this.#acceptErrors = new LimitedLog(logger, clock, FLOOD_LOG_INTERVAL_MS);
  }

  /** Where it listens; empty before `open` has resolved and after `close`. */
  get addresses(): readonly BoundAddress[] {
    return this.#listeners.map((listener) => listener.bound);
  }

  /** Network connections at this moment, TLS handshakes included. */
  get socketCount(): number {
    return this.#sockets.size;
  }

  /**
   * Listens at every address; rejects with a StartError that names the setting
   * at fault and leaves nothing open. Once only.
   */
  async open(): Promise<void> {
    if (this.#state !== 'new') throw new Error('a SocketDoor opens once');
    this.#state = 'opening';
    const { listen, section, tcpNoDelay } = this.#options;
    const setting = `${section}.listen`;
    try {
      const addresses = parseListenAddresses(listen, setting);
      this.#tls = this.#openTls();
      for (const address of addresses) {
        const listeners = await openListeners(address, {
          setting,
          tcpNoDelay,
          onSocket: (socket) => {
            this.#onSocket(socket);
          },
          onAcceptError: (error, { text }) => {
            this.#acceptErrors.warn({ err: error, address: text }, 'connections can not be accepted');
          },
        });
        this.#listeners.push(...listeners);
        this.#throwIfClosed();
      }
      this.#state = 'open';
    } catch (error) {
      await this.destroy();
      throw error;
    }
  }

  /** Reads the certificate files again now; true when new ones are in use. */
  reloadTls(): boolean {
    return this.#tls?.reload() ?? false;
  }

  /** Takes no more connections; those it has go on. Idempotent. */
  close(): void {
    if (this.#state !== 'destroyed') this.#state = 'closed';
    for (const listener of this.#listeners.splice(0)) listener.close();
    this.#tls?.close();
  }

  /** Closes everything now; resolves when the last socket has closed. Idempotent. */
  async destroy(): Promise<void> {
    this.close();
    this.#state = 'destroyed';
    await this.#sockets.destroyAll();
  }

  #openTls(): TlsGate | undefined {
    const { tls, section, handshakeTimeoutMs, clock, logger, metrics, alpnProtocol } = this.#options;
    if (tls === undefined) return undefined;
    return new TlsGate({ ...tls, section, alpnProtocol }, handshakeTimeoutMs, clock, logger, {
      onSecure: (socket, certificate) => {
        this.#enter(socket, certificate);
      },
      onHandshakeTimeout: () => {
        metrics.handshakeTimeouts += 1;
      },
      onRefused: (reason, peer) => {
        metrics.handshakeFailures += 1;
        this.#refusals.warn({ peer, reason }, 'a TLS connection was refused');
      },
    });
  }

  #onSocket(socket: Socket): void {
    const { metrics, maxSockets, section } = this.#options;
    if (this.#state === 'destroyed') {
      socket.destroy();
    } else if (!this.#sockets.admit(socket)) {
      metrics.socketsDropped += 1;
      this.#drops.warn({ maxSockets }, `connection dropped: ${section}.maxSockets is reached`);
      this.#turnAway(socket);
    } else {
      metrics.socketsAccepted += 1;
      this.#takeHeader(socket);
    }
  }

  /** The system takes these few bytes at once, or never: there is no waiting for a peer that there is no room for. */
  #turnAway(socket: Socket): void {
    const { refusal, tls } = this.#options;
    if (refusal !== undefined && tls === undefined) socket.write(refusal);
    socket.destroy();
  }

  #takeHeader(socket: Socket): void {
    const { proxyProtocol, handshakeTimeoutMs, clock, metrics, section } = this.#options;
    if (proxyProtocol === undefined) {
      this.#agree(socket);
      return;
    }
    if (!proxyProtocol.has(socket.remoteAddress)) {
      // A balancer's probe, which is gone already, was not refused. Anybody else could claim any address.
      if (peerOf(socket) === 'unknown') socket.destroy();
      else this.#refuse(socket, `balancers.trusted does not name its address (${section}.proxyProtocol)`);
      return;
    }
    takeProxyHeader(socket, handshakeTimeoutMs, clock, {
      onSource: (source) => {
        if (source !== undefined) statePeer(socket, formatPeer(source.address, source.port));
        this.#agree(socket);
      },
      onTimeout: () => {
        metrics.handshakeTimeouts += 1;
        socket.destroy();
      },
      onWrong: (reason) => {
        this.#refuse(socket, `${reason} (${section}.proxyProtocol)`);
      },
    });
  }

  #refuse(socket: Socket, reason: string): void {
    this.#options.metrics.handshakeFailures += 1;
    this.#refusals.warn({ peer: peerOf(socket), reason }, 'a connection was refused');
    socket.destroy();
  }

  #agree(socket: Socket): void {
    if (this.#tls === undefined) this.#enter(socket, undefined);
    else this.#tls.admit(socket);
  }

  #enter(socket: Socket, certificate: ClientCertificate | undefined): void {
    if (!socket.destroyed) this.#onConnection(socket, certificate);
  }

  #throwIfClosed(): void {
    if (this.#state !== 'opening') throw new Error('the door was closed while it opened');
  }
}
