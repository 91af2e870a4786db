import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientCertificate } from '../core/credentials.js';
import { SluiceError } from '../core/errors.js';
import type { BoundAddress } from '../transport/net/address.js';
import { SocketDoor } from '../transport/net/socket-door.js';
import { peerOf } from '../transport/net/socket-peer.js';
import type { Peer } from './caller.js';
import { createEdgeApp, type EdgeApp } from './edge-app.js';
import type { EdgeOptions } from './edge-options.js';
import type { EdgeParts } from './edge-routes.js';
import { IdleConnections } from './idle-connections.js';
import { asksForWebSocket, withoutUpgrade } from './not-upgraded.js';
import { OriginPolicy } from './origin-policy.js';
import { answerParserError } from './parser-errors.js';
import { RequestsUnderWay } from './requests-under-way.js';
import { socketRefusal } from './socket-refusal.js';
import { answerUpgrade } from './upgrade-answer.js';

/** How often the platform looks for requests over their time. */
const CHECK_INTERVAL_MS = 1_000;
/** A connection is closed after so many: balancers spread them anew. */
const MAX_REQUESTS_PER_SOCKET = 100_000;
/** Requests of one connection that may be under way at once, sent without waiting for answers (pipelining). */
const MAX_PIPELINED = 32;

type State = 'new' | 'starting' | 'listening' | 'leaving' | 'destroyed';

/**
 * The HTTP address: publishing, server-sent events, pushes, and the door that
 * WebSockets come in by. Leaving takes three steps, each optional but the last:
 * `drain`, `stopListening`, `destroy`.
 */
export class EdgeServer {
  readonly #options: EdgeOptions;
  readonly #policy: OriginPolicy;
  readonly #door: SocketDoor;
  readonly #peers = new WeakMap<Socket, Peer>();
  readonly #underWay: RequestsUnderWay;
  readonly #idle: IdleConnections;
  #http: Server | undefined;
  #app: EdgeApp | undefined;
  #parts: EdgeParts | undefined;
  #state: State = 'new';
  #draining = false;

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#policy = new OriginPolicy(options.origins);
    this.#idle = new IdleConnections(options.clock);
    this.#underWay = new RequestsUnderWay((socket) => {
      this.#idle.add(socket);
    });
    this.#door = new SocketDoor(
      {
        ...options,
        section: 'edge',
        alpnProtocol: 'http/1.1',
        tcpNoDelay: true,
        refusal: socketRefusal(options.maxSockets),
      },
      (socket, certificate) => {
        this.#admit(socket, certificate);
      },
    );
  }

  /** Where it listens; empty before `start` has resolved and after `stopListening`. */
  get addresses(): readonly BoundAddress[] {
    return this.#door.addresses;
  }

  /** Network connections at this moment, TLS handshakes included. */
  get socketCount(): number {
    return this.#door.socketCount;
  }

  /** Listens, or rejects with a StartError that names the setting at fault and leaves nothing open. Once only. */
  async start(parts: EdgeParts): Promise<void> {
    if (this.#state !== 'new') throw new Error('an EdgeServer starts once');
    this.#state = 'starting';
    this.#parts = parts;
    try {
      this.#app = await createEdgeApp({
        ...this.#options,
        parts,
        policy: this.#policy,
        isDraining: () => this.#draining,
        peerOf: (request) => this.#peerOf(request),
        serve: (handler) => this.#createServer(handler),
        onParserError: (error, socket) => {
          this.#onParserError(error, socket);
        },
      });
      await this.#door.open();
      this.#throwIfLeaving();
      this.#state = 'listening';
    } catch (error) {
      await this.destroy();
      throw error;
    }
  }

  /** Reads the certificate files again now; true when new ones are in use. */
  reloadTls(): boolean {
    return this.#door.reloadTls();
  }

  /** From now on each connection is closed after the answer under way, or when none is; new ones are still taken. Idempotent. */
  drain(): void {
    this.#draining = true;
    this.#idle.leave();
  }

  /** Takes no more connections; those it has go on. Idempotent. */
  stopListening(): void {
    if (this.#state !== 'destroyed') this.#state = 'leaving';
    this.#door.close();
  }

  /** Closes everything now; resolves when the last socket has closed. Idempotent. */
  async destroy(): Promise<void> {
    this.stopListening();
    this.#state = 'destroyed';
    this.#idle.stop();
    // It has never listened by itself: this stops its timers.
    this.#http?.close();
    await this.#door.destroy();
    await this.#app?.close();
  }

  #createServer(handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
    const { headersTimeoutMs, requestTimeoutMs, idleTimeoutMs, maxHeaderBytes } = this.#options;
    const server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      // By our own check, which says so in our own words.
      requireHostHeader: false,
    });
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      if (this.#refusesPipelined(request, response)) return;
      this.#cutSlowReader(request, response);
      handler(request, response);
    };
    server.on('request', take);
    // Whether its body is wanted is for who serves it.
    server.on('checkContinue', take);
    // What else is expected is refused with all other answers' words.
    server.on('checkExpectation', take);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#onUpgrade(request, socket, head);
    });
    // Connections are handed to it: it has none of its own to listen for, and looks at the clock all the same.
    server.emit('listening');
    this.#http = server;
    return server;
  }

  #admit(socket: Socket, certificate: ClientCertificate | undefined): void {
    this.#peers.set(socket, { peer: peerOf(socket), certificate });
    this.#idle.addNew(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
    });
    if (this.#http === undefined) socket.destroy();
    else this.#http.emit('connection', socket);
  }

  #peerOf({ socket, headers }: IncomingMessage): Peer {
    const known = this.#peers.get(socket) ?? { peer: peerOf(socket), certificate: undefined };
    const { forwarded } = this.#options;
    if (forwarded === undefined) return known;
    const value = headers[forwarded.header];
    return { ...known, peer: forwarded.peerOf(known.peer, typeof value === 'string' ? value : undefined) };
  }

  /** Answers go out in their order: who sends many requests at once and reads nothing would pile them up here. */
  #refusesPipelined({ socket }: IncomingMessage, response: ServerResponse): boolean {
    if (socket.destroyed) return true;
    this.#idle.delete(socket);
    if (this.#underWay.countOf(socket) >= MAX_PIPELINED) {
      socket.destroy();
      return true;
    }
    this.#underWay.add(socket, response);
    return false;
  }

  /** An answer of which nothing is taken for so long is cut, and its connection with it. */
  #cutSlowReader(request: IncomingMessage, response: ServerResponse): void {
    const { sendTimeoutMs, onSlow } = this.#options;
    response.setTimeout(sendTimeoutMs, () => {
      const { writableLength } = response;
      if (writableLength === 0) return;
      response.destroy();
      const error = new SluiceError(
        'SLOW_CONSUMER',
        `the client has taken none of ${writableLength} bytes of an answer for ${sendTimeoutMs} ms (stream.sendTimeout)`,
      );
      onSlow?.(error, this.#peerOf(request).peer);
    });
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#idle.delete(request.socket);
    // Its errors are nobody's fault; 'close' follows. Once, however often the connection comes by.
    socket.off('error', ignoreError).on('error', ignoreError);
    // What is still being answered would be written into what is spoken then.
    if (this.#underWay.countOf(socket) > 0) {
      socket.destroy();
      return;
    }
    if (!asksForWebSocket(request)) {
      // The platform takes all of its own away but this.
      socket.removeAllListeners('timeout');
      socket.unshift(withoutUpgrade(request, head));
      this.#http?.emit('connection', socket);
      return;
    }
    const peer = this.#peerOf(request);
    const upgrade = { request, socket, head, ...peer };
    answerUpgrade(upgrade, this.#policy, this.#parts?.upgrades, this.#options.onRefused);
  }

  #onParserError(error: NodeJS.ErrnoException, socket: Socket): void {
    answerParserError(error, socket, {
      ...this.#options,
      mayAnswer: !this.#underWay.owesAnswer(socket),
      onLate: (late) => {
        // Browsers open connections to spare, and balancers to see whether anybody is there; and who is answered is not refused.
        if (this.#idle.isUnused(socket) || this.#underWay.answersEarly(socket)) return;
        this.#options.onRefused?.(late, this.#peers.get(socket)?.peer ?? peerOf(socket));
      },
    });
  }

  #throwIfLeaving(): void {
    if (this.#state !== 'starting') throw new Error('the edge was stopped while it started');
  }
}

function ignoreError(): void {
  // Handled by 'close'.
}
