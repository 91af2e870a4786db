import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Server, WebSocketServer as Library } from 'ws';
import type { Clock, Timer } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { SluiceError } from '../../core/errors.js';
import { Turn } from '../../core/turn.js';
import type { BufferAccount } from '../../flow/held-bytes.js';
import { asUnreadable } from '../stream-errors.js';
import type { StreamAcceptor } from '../contract.js';
import { FrameWriter } from './frame-writer.js';
import { WEBSOCKET_PATHS } from './paths.js';
import { QuietWebSocket } from './quiet-websocket.js';
import { refuseUpgrade } from './refused-upgrade.js';
import { metadataOf } from './request-metadata.js';
import { chooseSubprotocol, offeredSubprotocols, offeredToken } from './subprotocols.js';
import { WebSocketStream, type WebSocketCall, type WebSocketContext } from './websocket-stream.js';

export interface WebSocketServerOptions {
  readonly accept: StreamAcceptor;
  readonly clock: Clock;
  /** Shared with who answers, so that what a turn brings is answered in it. Default: one of its own. */
  readonly turn?: Turn | undefined;
  /** The largest message taken (`server.maxMessageSize`). */
  readonly maxMessageBytes: number;
  /** How often a quiet peer is pinged; 0: never. */
  readonly pingIntervalMs: number;
  /** How long a ping may stay unanswered. */
  readonly pongTimeoutMs: number;
  /** How long a peer may take to answer a Close, with what was sent before it, before its socket is closed. */
  readonly closeTimeoutMs: number;
  /** Where what streams hold is counted: what arrived and was not handed over, what was sent and has not left. */
  readonly account?: BufferAccount | undefined;
  /** Told of exceptions that a receiver let escape; the stream has been ended INTERNAL. */
  readonly onFault?: (error: unknown) => void;
  /** Told of what was refused before it was a WebSocket. */
  readonly onRefused?: (error: SluiceError, peer: string) => void;
}

/** What an HTTP server's 'upgrade' brings, its origin checked, and what is known of its connection. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What has come behind the request already. */
  readonly head: Buffer;
  readonly peer: string;
  readonly certificate: ClientCertificate | undefined;
}

/** One message may come in so many frames: Autobahn's largest cases aside, nobody makes more. Each costs the library an object. */
const MAX_FRAGMENTS = 16 * 1024;
/** A frame may come in so many pieces; each costs the library an object. */
const MAX_PIECES = 64 * 1024;
/** Answers to pings that have not left; one more and the connection is given up. */
const MAX_UNSENT_PONGS = 60;

/**
 * Serves streams over WebSocket on connections that an HTTP server hands over:
 * checks the upgrade, agrees on the subprotocol, and gives each stream to the
 * acceptor. Compression is off: it would cost 300 KiB a connection and most of
 * the processor, and it tells secrets that stand beside what an attacker chooses.
 */
export class WebSocketServer {
  readonly #options: WebSocketServerOptions;
  readonly #library: Server<typeof QuietWebSocket>;
  readonly #context: WebSocketContext;
  readonly #streams = new Set<WebSocketStream>();
  /** Whose handshake is looked at. */
  readonly #peers = new WeakMap<Duplex, string>();
  readonly #lifeCheckMs: number;
  #lifeTimer: Timer | undefined;
  #state: 'open' | 'leaving' | 'destroyed' = 'open';

  constructor(options: WebSocketServerOptions) {
    const { clock, maxMessageBytes, closeTimeoutMs, pingIntervalMs, pongTimeoutMs } = options;
    this.#options = options;
    this.#lifeCheckMs = pingIntervalMs === 0 ? 0 : Math.min(pingIntervalMs, pongTimeoutMs) / 2;
    const limits = {
      maxPayload: maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_PIECES,
      maxPendingAutoPongs: MAX_UNSENT_PONGS,
      // Ours, which moves with the clock, is the one that counts.
      closeTimeout: 2 * closeTimeoutMs,
    };
    this.#library = new Library({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      WebSocket: QuietWebSocket,
      // It would choose the first that is offered: a token, perhaps.
      handleProtocols: (offered) => chooseSubprotocol([...offered]),
      ...limits,
    });
    this.#library.on('wsClientError', (error, socket, request) => {
      const invalid = new SluiceError('INVALID_MESSAGE', `this is no WebSocket handshake: ${error.message}`);
      const peer = this.#peers.get(socket) ?? 'unknown';
      if (request.method !== 'GET') this.#refuse(socket, invalid, peer, 405, ['Allow: GET']);
      // RFC 6455 section 4.4: which version is spoken here.
      else this.#refuse(socket, invalid, peer, 400, ['Sec-WebSocket-Version: 13']);
    });
    this.#context = {
      account: options.account,
      clock,
      maxMessageBytes,
      closeTimeoutMs,
      pingIntervalMs,
      pongTimeoutMs,
      turn: options.turn ?? new Turn(clock),
      writer: new FrameWriter(maxMessageBytes),
      onFault: options.onFault ?? nothing,
      onGone: (stream) => {
        this.#streams.delete(stream);
        if (this.#streams.size === 0) this.#stopLifeChecks();
      },
    };
  }

  /** WebSockets whose sockets are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Whether a WebSocket is served at this path. */
  serves(path: string): boolean {
    return WEBSOCKET_PATHS.has(path);
  }

  /**
   * Makes a stream of the connection, or answers with an HTTP error that says
   * why not and closes it; false where no WebSocket is served at this path, and
   * nothing was done. Never throws.
   */
  upgrade({ request, socket, head, peer, certificate }: UpgradeRequest): boolean {
    const { url = '' } = request;
    const path = url.split('?', 1)[0] ?? '';
    const query = url.slice(path.length + 1);
    const method = WEBSOCKET_PATHS.get(path);
    if (method === undefined) return false;
    let call: WebSocketCall;
    try {
      call = { method, peer, certificate, ...this.#agreed(request, query) };
    } catch (error) {
      this.#refuse(socket, asUnreadable(error), peer);
      return true;
    }
    this.#peers.set(socket, peer);
    this.#library.handleUpgrade(request, socket, head, (ws) => {
      const stream = new WebSocketStream(ws, socket, call, this.#context);
      this.#streams.add(stream);
      this.#startLifeChecks();
      stream.accept(this.#options.accept);
    });
    return true;
  }

  /** Refuses new ones from now on; those that are open go on. Idempotent. */
  stopAccepting(): void {
    if (this.#state === 'open') this.#state = 'leaving';
  }

  /** Closes all of them now. Idempotent. */
  destroy(): void {
    this.#state = 'destroyed';
    for (const stream of [...this.#streams]) stream.destroy();
  }

  /** What is checked of an upgrade before the library looks at it. Throws why it is refused. */
  #agreed(request: IncomingMessage, query: string): Pick<WebSocketCall, 'subprotocol' | 'metadata'> {
    if (this.#state !== 'open') {
      throw new SluiceError('DRAINING', 'the gateway is leaving', { retryAfterMs: 0 });
    }
    const offered = offeredSubprotocols(request.headers['sec-websocket-protocol']);
    const subprotocol = chooseSubprotocol(offered);
    const token = offeredToken(offered);
    return { subprotocol, metadata: metadataOf(request.headers, new URLSearchParams(query), token) };
  }

  #refuse(
    socket: Duplex,
    error: SluiceError,
    peer: string,
    status?: number,
    headers?: readonly string[],
  ): void {
    this.#options.onRefused?.(error, peer);
    refuseUpgrade(socket, error, status, headers);
  }

  #startLifeChecks(): void {
    if (this.#lifeCheckMs === 0 || this.#lifeTimer !== undefined) return;
    const { clock } = this.#options;
    this.#lifeTimer = clock.setTimeout(() => {
      this.#lifeTimer = undefined;
      const now = clock.now();
      for (const stream of this.#streams) stream.checkLife(now);
      if (this.#streams.size > 0) this.#startLifeChecks();
    }, this.#lifeCheckMs);
  }

  #stopLifeChecks(): void {
    this.#lifeTimer?.cancel();
    this.#lifeTimer = undefined;
  }
}

function nothing(): void {
  // Nobody wants to know.
}
