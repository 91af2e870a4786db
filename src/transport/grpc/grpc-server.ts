import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

import type { ClientCertificate } from '../../core/credentials.js';
import { StartError } from '../../core/start-error.js';
import type { StreamAcceptor } from '../contract.js';
import type { ProxyAcceptor } from '../proxy-contract.js';
import type { BoundAddress } from '../net/address.js';
import { setConnectionCertificate } from './connection-certificate.js';
import { setConnectionPeer } from './connection-peer.js';
import type { GrpcServerOptions } from './grpc-server-options.js';
import { HealthService } from './health-service.js';
import { findHttp2Server } from './http2-server.js';
import { LimitedLog } from '../net/limited-log.js';
import { Reflection } from './reflection.js';
import { SessionGuard, type SessionEvents } from './session-guard.js';
import { peerOf } from '../net/socket-peer.js';
import { FLOOD_LOG_INTERVAL_MS, SocketDoor } from '../net/socket-door.js';
import { createStreamServer, type StreamServer } from './stream-server.js';

interface Injection {
  readonly socket: Socket;
  /** What its client has shown, verified. */
  readonly certificate: ClientCertificate | undefined;
}

type State = 'new' | 'starting' | 'listening' | 'leaving' | 'destroyed';

/**
 * The gRPC server: listening sockets, TLS, HTTP/2 limits, health and
 * reflection; each stream of StreamService goes to the acceptor given to
 * `start`. Leaving takes four steps, each optional but the last: `setServing(false)`,
 * `stopListening`, `drainConnections`, `destroy`.
 */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #health: HealthService;
  readonly #reflection = new Reflection();
  readonly #door: SocketDoor;
  readonly #guards = new Set<SessionGuard>();
  readonly #refusals: LimitedLog;
  readonly #floods: LimitedLog;
  #streams: StreamServer | undefined;
  #state: State = 'new';
  #draining = false;
  /** The socket being handed to HTTP/2 and whose it is, so that its session knows. */
  #injecting: Injection | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const { logger, clock, reflection } = options;
    this.#door = new SocketDoor(
      { ...options, section: 'server', alpnProtocol: 'h2' },
      (socket, certificate) => {
        this.#inject(socket, certificate);
      },
    );
    // Where nobody is told of services by reflection, nobody is told of them by its like.
    this.#health = new HealthService(reflection);
    this.#refusals = new LimitedLog(logger, clock, FLOOD_LOG_INTERVAL_MS);
    this.#floods = new LimitedLog(logger, clock, FLOOD_LOG_INTERVAL_MS);
  }

  /** Where it listens; empty before `start` has resolved and after `stopListening`. */
  get addresses(): readonly BoundAddress[] {
    return this.#door.addresses;
  }

  /** Network connections at this moment, TLS handshakes included. */
  get socketCount(): number {
    return this.#door.socketCount;
  }

  /**
   * Listens at every address, hands each stream to `accept` and the calls that
   * `proxies` serves to it, or rejects with a StartError that names the
   * setting at fault and leaves nothing open. Health answers NOT_SERVING until
   * `setServing(true)`. Once only.
   */
  async start(accept: StreamAcceptor, proxies?: ProxyAcceptor): Promise<void> {
    if (this.#state !== 'new') throw new Error('a GrpcServer starts once');
    this.#state = 'starting';
    try {
      this.#serve(accept, proxies);
      await this.#door.open();
      this.#throwIfLeaving();
      this.#state = 'listening';
    } catch (error) {
      await this.destroy();
      throw error;
    }
  }

  /** What the health service answers from now on; those who watch are told. */
  setServing(serving: boolean): void {
    this.#health.setServing(serving);
  }

  /**
   * Services that others answer for are told of too, where reflection is on: `files` are FileDescriptorProtos, and take the
   * place of what the same owner had before. Throws INVALID_MESSAGE for what are none.
   */
  describe(owner: string, files: readonly Uint8Array[], services: readonly string[]): void {
    this.#reflection.describe(owner, files, services);
  }

  /** What the health service answers for all services of an owner, while it serves at all; those who watch are told. */
  setServicesServing(owner: string, services: readonly string[], serving: boolean): void {
    this.#health.setServicesServing(owner, services, serving);
  }

  /** Reads the certificate files again now; true when new ones are in use. */
  reloadTls(): boolean {
    return this.#door.reloadTls();
  }

  /** Takes no more connections; those it has, and their new streams, go on. Idempotent. */
  stopListening(): Promise<void> {
    if (this.#state !== 'destroyed') this.#state = 'leaving';
    this.#door.close();
    return Promise.resolve();
  }

  /**
   * GOAWAY to every connection: no new streams, those that are open go on, and
   * the connection closes after its last. Health watches are ended. Idempotent.
   */
  drainConnections(): void {
    this.#draining = true;
    this.#health.endWatches();
    for (const guard of this.#guards) guard.drain();
  }

  /** Closes everything now; resolves when the last socket has closed. Idempotent. */
  async destroy(): Promise<void> {
    await this.stopListening();
    if (this.#state !== 'destroyed') {
      this.#state = 'destroyed';
      this.#streams?.server.forceShutdown();
    }
    await this.#door.destroy();
  }

  #serve(accept: StreamAcceptor, proxies: ProxyAcceptor | undefined): void {
    const { logger, reflection } = this.#options;
    this.#streams = createStreamServer(this.#options, accept, proxies);
    const { server } = this.#streams;
    this.#health.addToServer(server);
    if (reflection) this.#reflection.addToServer(server);
    const http2Server = findHttp2Server(server);
    if (http2Server === undefined) {
      if (this.#options.tls?.clientCaFile !== undefined) {
        throw new StartError(
          'server.tls.clientCaFile',
          'server.tls.clientCaFile: this version of @grpc/grpc-js has no known way to tell streams whose certificate their connection has shown.',
        );
      }
      logger.warn({}, 'HTTP/2 limits are off: this version of @grpc/grpc-js has no known way to them');
      return;
    }
    http2Server.updateSettings({
      initialWindowSize: this.#options.streamWindowBytes,
      maxHeaderListSize: this.#options.maxMetadataBytes,
    });
    http2Server.on('session', (session) => {
      this.#onSession(session);
    });
  }

  #inject(socket: Socket, certificate: ClientCertificate | undefined): void {
    // The 'session' event comes from within this call.
    this.#injecting = { socket, certificate };
    this.#streams?.injector.injectConnection(socket);
    this.#injecting = undefined;
  }

  #onSession(session: ServerHttp2Session): void {
    if (this.#injecting === undefined || session.destroyed) return;
    const { socket, certificate } = this.#injecting;
    if (certificate !== undefined) setConnectionCertificate(session, certificate);
    const peer = peerOf(socket);
    setConnectionPeer(session, peer);
    const guard = new SessionGuard(
      session,
      socket,
      peer,
      this.#options.clock,
      this.#options,
      this.#sessionEvents,
    );
    this.#guards.add(guard);
    // Its TLS handshake was under way when all others were told.
    if (this.#draining) guard.drain();
  }

  readonly #sessionEvents: SessionEvents = {
    onHandshakeTimeout: () => {
      this.#options.metrics.handshakeTimeouts += 1;
    },
    onHandshakeFailure: (reason, peer) => {
      this.#options.metrics.handshakeFailures += 1;
      this.#refusals.warn({ peer, reason }, 'a connection was refused');
    },
    onPingFlood: (peer) => {
      this.#options.metrics.pingFloods += 1;
      this.#floods.warn({ peer }, 'connection ended: too many pings');
    },
    onClose: (guard) => {
      this.#guards.delete(guard);
    },
  };

  #throwIfLeaving(): void {
    if (this.#state !== 'starting') throw new Error('the server was stopped while it started');
  }
}
