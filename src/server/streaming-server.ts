import type { Clock } from '../core/clock.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { Throttle } from '../flow/throttle.js';
import { ClientConnection } from '../pool/client-connection.js';
import type { ConnectionPool } from '../pool/connection-pool.js';
import type { Route } from '../session/route.js';
import type { SessionManager } from '../session/session-manager.js';
import type { StreamAcceptor, StreamReceiver, TransportStream } from '../transport/contract.js';
import { controlMessage, PROTOCOL_VERSION } from '../wire/messages.js';
import type { RouteChoice } from './attached-sessions.js';
import { ConnectionSupervisor, type SupervisorContext } from './connection-supervisor.js';
import { clientIdOf, isPrintableId, quoted } from './identity.js';
import type { ServerCounters } from './server-counters.js';
import type { StreamSettings } from './settings.js';
import type { StreamInterceptor } from './stream-interceptor.js';
import { TurnFlusher } from './turn-flusher.js';

export interface StreamingServerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly pool: ConnectionPool;
  readonly sessions: SessionManager;
  readonly counters: ServerCounters;
  readonly settings: StreamSettings;
  /** By name, as configured. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly defaultRoute: string;
  readonly interceptors: readonly StreamInterceptor[];
}

/** How soon a client that is refused because the gateway leaves should try another, in milliseconds. */
const DRAINING_RETRY_MS = 1_000;

/** Takes what happens to a stream that was refused: its end. */
const REFUSED: StreamReceiver = {
  room: 0,
  onMessages() {
    // None come: there is no room.
  },
  onHalfClose() {
    // The status is on its way.
  },
  onInvalid() {
    // The status is on its way.
  },
  onWritten() {
    // Nothing was sent but the status.
  },
  onClose() {
    // Nothing was kept.
  },
};

/**
 * Accepts client streams from any transport, gives each its place in the pool
 * and a supervisor for its two loops, and takes leave of all of them at the end.
 */
export class StreamingServer {
  readonly #options: StreamingServerOptions;
  readonly #context: SupervisorContext;
  readonly #supervisors = new Map<string, ConnectionSupervisor>();
  /** Connection IDs are unique among all gateways: this one's part, and a count. */
  readonly #idPrefix: string;
  #nextId = 1;
  #draining = false;
  /** Who drains, waits here. */
  readonly #waitingForEmpty: (() => void)[] = [];

  constructor(options: StreamingServerOptions) {
    this.#options = options;
    this.#idPrefix = `${options.clock.wallNow().toString(36)}${Math.floor(Math.random() * 36 ** 4).toString(36)}`;
    this.#context = {
      clock: options.clock,
      flusher: new TurnFlusher(options.clock),
      sessions: options.sessions,
      counters: options.counters,
      settings: options.settings,
      logger: options.logger,
      onGone: (supervisor, end, error) => {
        this.#onGone(supervisor, end, error);
      },
    };
  }

  get size(): number {
    return this.#supervisors.size;
  }

  /** For a transport: what it does with each new stream. Never throws. */
  readonly accept: StreamAcceptor = (stream) => {
    try {
      return this.#admit(stream);
    } catch (error) {
      return this.#refuse(stream, this.#asRefusal(error));
    }
  };

  supervisor(connectionId: string): ConnectionSupervisor | undefined {
    return this.#supervisors.get(connectionId);
  }

  supervisors(): Iterable<ConnectionSupervisor> {
    return this.#supervisors.values();
  }

  /**
   * Tells every client to leave and refuses new ones; what is left after
   * `graceMs` is ended. Resolves when the last connection is gone: a peer that
   * takes nothing keeps its own for another `sendTimeoutMs`, unless `destroy` is called.
   */
  drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const error = new SluiceError(
      'DRAINING',
      'the gateway is leaving: connect again, to another if there is one',
      {
        retryAfterMs: DRAINING_RETRY_MS,
      },
    );
    for (const supervisor of [...this.#supervisors.values()]) {
      supervisor.drain(graceMs, 'gateway: leaving', error);
    }
    return this.#whenEmpty();
  }

  /** Ends every connection now. Idempotent. */
  destroy(): void {
    this.#draining = true;
    const error = new SluiceError('DRAINING', 'the gateway has left', { retryAfterMs: DRAINING_RETRY_MS });
    for (const supervisor of [...this.#supervisors.values()]) supervisor.abort(error);
  }

  #admit(stream: TransportStream): StreamReceiver {
    const { clock, settings, pool, counters } = this.#options;
    if (this.#draining) {
      throw new SluiceError('DRAINING', 'the gateway is leaving and takes no new connections', {
        retryAfterMs: DRAINING_RETRY_MS,
      });
    }
    const clientId = clientIdOf(stream.metadata);
    const choice = this.#routeFor(stream.metadata);
    const refusal = pool.refusal(clientId);
    if (refusal !== undefined) throw refusal;

    const now = clock.now();
    const throttled = settings.messagesPerSecond > 0 || settings.bytesPerSecond > 0;
    const connection = new ClientConnection({
      id: `${this.#idPrefix}-${(this.#nextId++).toString(36)}`,
      clientId,
      stream,
      now,
      receiveMessages: settings.receiveQueueMessages,
      receiveBytes: settings.receiveQueueBytes,
      maxMessages: settings.sendQueueMessages,
      maxBytes: settings.sendQueueBytes,
      maxControl: settings.maxControlAnswers,
      throttle: throttled ? new Throttle(settings, now) : undefined,
      totalDown: counters.down,
    });
    pool.add(connection);
    const supervisor = new ConnectionSupervisor(this.#context, connection, choice);
    this.#supervisors.set(connection.id, supervisor);
    supervisor.start(this.#welcome(connection));
    this.#tell((interceptor) => interceptor.opened?.(connection, choice.name));
    return supervisor.receiver;
  }

  #routeFor(metadata: ReadonlyMap<string, string>): RouteChoice {
    const { routes, defaultRoute } = this.#options;
    const name = metadata.get('x-route') ?? defaultRoute;
    const subject = metadata.get('x-subject') ?? '';
    const route = routes.get(name);
    if (route === undefined) {
      throw new SluiceError('UNKNOWN_ROUTE', `no route ${quoted(name)} is configured (routes)`);
    }
    if (subject !== '' && !isPrintableId(subject)) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `metadata x-subject ${quoted(subject)} is not 1 to 128 printable characters`,
      );
    }
    return { name, route, subject };
  }

  #welcome(connection: ClientConnection) {
    const { nodeId, settings } = this.#options;
    return controlMessage({
      action: 'welcome',
      connectionId: connection.id,
      clientId: connection.clientId,
      nodeId,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      maxMessageBytes: settings.maxMessageBytes,
      maxSessions: settings.maxSessionsPerConnection,
      // Sessions of simple connections end with them.
      resumeWindowMs: 0,
      protocolVersion: PROTOCOL_VERSION,
    });
  }

  #refuse(stream: TransportStream, error: SluiceError): StreamReceiver {
    this.#tell((interceptor) => interceptor.refused?.(stream, error));
    stream.end(error);
    return REFUSED;
  }

  #asRefusal(error: unknown): SluiceError {
    if (error instanceof SluiceError) return error;
    this.#options.logger.error({ err: error }, 'a fault refused a stream');
    return new SluiceError('INTERNAL', 'a fault of the gateway refused the stream; its log says more');
  }

  #onGone(supervisor: ConnectionSupervisor, end: ConnectionEnd, error: SluiceError | undefined): void {
    const { connection } = supervisor;
    if (!this.#supervisors.delete(connection.id)) return;
    this.#options.pool.remove(connection);
    this.#tell((interceptor) => interceptor.ended?.(connection, end, error));
    if (this.#supervisors.size > 0) return;
    for (const resolve of this.#waitingForEmpty.splice(0)) resolve();
  }

  /** A user's interceptor must not throw; one that does is reported, and the stream goes on. */
  #tell(what: (interceptor: StreamInterceptor) => void): void {
    for (const interceptor of this.#options.interceptors) {
      try {
        what(interceptor);
      } catch (error) {
        this.#options.logger.error({ err: error }, 'a stream interceptor failed');
      }
    }
  }

  #whenEmpty(): Promise<void> {
    if (this.#supervisors.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waitingForEmpty.push(resolve);
    });
  }
}
