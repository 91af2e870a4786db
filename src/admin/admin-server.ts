import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { StartError } from '../core/start-error.js';
import type { AdminSources } from './admin-sources.js';
import { answer } from './admin-routes.js';
import type { AdminRequest } from './admin-request.js';
import { whyNoChange } from './change-guard.js';
import { parseListenAddress } from './listen-address.js';
import { RequestBody } from './request-body.js';
import { errorResponse, type AdminResponse } from './responses.js';

export interface AdminServerOptions {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /** `admin.listen`: `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  readonly sources: AdminSources;
}

const SETTING = 'admin.listen';
/** People, a scraper or two and an orchestrator's probes: nobody needs more connections than this at once. */
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_REQUESTS_PER_CONNECTION = 1_000;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;
const IDLE_TIMEOUT_MS = 15_000;
/** How often the platform looks for requests over those limits. */
const CHECK_INTERVAL_MS = 1_000;
/** How long `stop` lets answers under way go out. */
const STOP_GRACE_MS = 1_000;

/** The HTTP address for operators: metrics, health, a look inside, and who is thrown out. */
export class AdminServer {
  readonly #options: AdminServerOptions;
  /** Connections with an answer under way. */
  readonly #busy = new WeakSet<Socket>();
  /** The host of `listen`, once it has been read. */
  #ownHost = '';
  #server: Server | undefined;
  #started: Promise<{ readonly address: string; readonly port: number }> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  /** Listens. Rejects with a StartError when it can not. Once, and not after `stop`. */
  start(): Promise<{ readonly address: string; readonly port: number }> {
    if (this.#started !== undefined) throw new Error('The admin server has been started already.');
    if (this.#stopping !== undefined)
      throw new Error('The admin server was stopped: it does not start again.');
    return (this.#started = this.#open());
  }

  /** Lets answers under way go out for a second, then closes everything. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  async #open(): Promise<{ readonly address: string; readonly port: number }> {
    const { host, port } = parseListenAddress(this.#options.listen, SETTING);
    this.#ownHost = host;
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
      },
      (request, response) => {
        this.#take(request, response);
      },
    );
    // Nothing read or written for so long: a client that does not take its answer gives its place back.
    server.setTimeout(IDLE_TIMEOUT_MS);
    server.maxConnections = MAX_CONNECTIONS;
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
    try {
      await listen(server, host, port);
    } catch (error) {
      throw new StartError(SETTING, cantListen(this.#options.listen, error), { cause: error });
    }
    server.on('error', (error) => {
      this.#options.logger.error({ err: error }, 'admin server error');
    });
    this.#server = server;
    const bound = server.address() as AddressInfo;
    return { address: bound.address, port: bound.port };
  }

  /** One request of a connection at a time: answers to many at once would pile up before a client that does not read. */
  #take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (this.#busy.has(socket)) {
      socket.destroy();
      return;
    }
    this.#busy.add(socket);
    response.once('close', () => {
      this.#busy.delete(socket);
    });
    void this.#respond(request, response);
  }

  async #close(): Promise<void> {
    await this.#started?.catch(() => undefined);
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    server.closeIdleConnections();
    const timer = this.#options.clock.setTimeout(() => {
      server.closeAllConnections();
    }, STOP_GRACE_MS);
    await closed;
    timer.cancel();
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A connection that breaks under an answer is nobody's fault; it must not be an uncaught error.
    response.on('error', () => undefined);
    const body = new RequestBody(request);
    const answered = await this.#answer(request, body);
    // What was not read of a body: rather than take it from the network to reach the next request, close.
    write(request, response, answered, body.unread || this.#stopping !== undefined);
  }

  async #answer(request: IncomingMessage, body: RequestBody): Promise<AdminResponse> {
    const { sources, logger } = this.#options;
    const asked: AdminRequest = {
      method: request.method ?? '',
      target: request.url ?? '',
      contentType: request.headers['content-type'],
      body,
      peer: peerOf(request.socket),
      whyNoChange: () => whyNoChange(request, this.#ownHost),
    };
    try {
      return await answer(asked, sources, logger);
    } catch (error) {
      logger.error({ err: error, url: request.url }, 'admin request failed');
      return errorResponse('INTERNAL', 'The gateway failed to answer; its log says more.');
    }
  }
}

function write(
  request: IncomingMessage,
  response: ServerResponse,
  answered: AdminResponse,
  last: boolean,
): void {
  const body = Buffer.from(answered.body);
  response.writeHead(answered.status, {
    ...(answered.contentType === ''
      ? {}
      : { 'content-type': answered.contentType, 'content-length': body.byteLength }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...answered.headers,
    ...(last ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** As connections of clients are named: `host:port`. */
function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** As the gRPC listener says it, so that one sentence fits both. */
function cantListen(address: string, error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    ? `${SETTING}: "${address}" is in use; stop whoever listens there or choose another.`
    : `${SETTING}: can't listen at "${address}": ${whyNot(error)}.`;
}

/** The usual reasons in words; the platform's own message for the rest. */
function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EACCES':
      return 'this user may not';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address';
    case 'ENOTFOUND':
      return 'the host name is not known';
    default:
      return message;
  }
}
