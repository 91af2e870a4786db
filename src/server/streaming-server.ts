import type { Clock, Timer } from '../core/clock.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import { tally } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Action, Identity } from '../core/identity.js';
import type { Logger } from '../core/logger.js';
import type { ByteAccount } from '../flow/byte-account.js';
import { ClientConnection } from '../pool/client-connection.js';
import type { ConnectionPool } from '../pool/connection-pool.js';
import type { Route } from '../session/route.js';
import type { SessionManager } from '../session/session-manager.js';
import type { TombstoneLimits } from '../session/windowed/tombstones.js';
import type { WindowedLimits } from '../session/windowed/windowed-host.js';
import { WindowedSessions, type WindowedCounters } from '../session/windowed/windowed-sessions.js';
import {
  isCallMethod,
  type StreamAcceptor,
  type StreamReceiver,
  type TransportStream,
} from '../transport/contract.js';
import { controlMessage, PROTOCOL_VERSION } from '../wire/messages.js';
import { Arrivals } from './arrivals.js';
import { type CallContext } from './calls/call-supervisor.js';
import { IngestCall } from './calls/ingest-call.js';
import { Publishes } from './calls/publishes.js';
import { SubscribeCall } from './calls/subscribe-call.js';
import { TopicItems } from './calls/topic-items.js';
import { ConnectionSupervisor } from './connection-supervisor.js';
import { permissionMissing } from '../core/permission.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { Turn } from '../core/turn.js';
import type { Gatekeeper } from './gatekeeper.js';
import { guarded } from './guarded-gatekeeper.js';
import { type BurdenedStranger, type OtherCalls, Overload } from './overload.js';
import { RouteFaults } from './route-faults.js';
import type { ServerCounters } from './server-counters.js';
import { LogByCode } from './log-by-code.js';
import { SessionEndLog } from './session-end-log.js';
import { DelayedAcks } from './delayed-acks.js';
import type { StreamSettings } from './settings.js';
import { StallWatch } from './stall-watch.js';
import type { Supervised } from './supervised.js';
import type { RouteChoice } from './simple-sessions.js';
import type { StreamInterceptor } from './stream-interceptor.js';
import { throttleFor } from './throttle-for.js';

export interface StreamingServerOptions {
  readonly clock: Clock;
  /** Shared with the transport, so that what a turn brings is answered in it. Default: one of its own. */
  readonly turn?: Turn;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly pool: ConnectionPool;
  readonly sessions: SessionManager;
  /** Who may come in, and open what. */
  readonly gatekeeper: Gatekeeper;
  readonly counters: ServerCounters & WindowedCounters;
  readonly settings: StreamSettings;
  readonly windowed: WindowedSettings;
  readonly publishes: PublishSettings;
  /** All bytes that are buffered, against the budget. */
  readonly account: ByteAccount;
  /** By name, as configured. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly defaultRoute: string;
  readonly interceptors: readonly StreamInterceptor[];
  /** Calls under way that are served elsewhere: they share the budget of buffered bytes. */
  readonly others?: OtherCalls;
  /** Pushes under way, which are no streams: they share it, too. */
  readonly pushes?: () => Iterable<BurdenedStranger>;
}

/** Calls of Publish that may be under way, in all and of one client. */
export interface PublishSettings {
  readonly maxPublishes: number;
  readonly maxPublishesPerClient: number;
}

/** What windowed sessions are held to, each and all together. */
export interface WindowedSettings {
  readonly limits: WindowedLimits;
  readonly maxDetached: number;
  readonly maxDetachedBytes: number;
  readonly ended: Omit<TombstoneLimits, 'keepMs'>;
}

/** How soon a client that is refused because the gateway leaves should try another, in milliseconds. */
const DRAINING_RETRY_MS = 1_000;

/** What a client does to the route that its metadata names. */
const ACTIONS = { StreamData: 'open', StreamBatches: 'open', Ingest: 'ingest' } as const;

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
  /** Sessions that outlive their connections. */
  readonly windowed: WindowedSessions;
  /** Calls of Publish under way. */
  readonly publishes: Publishes;
  readonly #context: CallContext;
  readonly #overload: Overload;
  readonly #sessionEnds: SessionEndLog;
  readonly #opensRefused: LogByCode;
  readonly #arrivals: Arrivals;
  readonly #supervisors = new Map<string, Supervised>();
  /** Connection IDs are unique among all gateways: this one's part, and a count. */
  readonly #idPrefix: string;
  #nextId = 1;
  /** When those who stay have to be gone, in Clock.now(); undefined while nobody has to. */
  #drainDeadline: number | undefined;
  #cutTimer: Timer | undefined;
  readonly #routeFaults: RouteFaults;
  /** Who drains, waits here. */
  readonly #waitingForEmpty: (() => void)[] = [];

  constructor(options: StreamingServerOptions) {
    this.#options = options;
    this.#idPrefix = `${options.clock.wallNow().toString(36)}${Math.floor(Math.random() * 36 ** 4).toString(36)}`;
    this.#routeFaults = new RouteFaults(options, {
      what: 'a route failed in an opened session',
      more: 'these',
    });
    this.#sessionEnds = new SessionEndLog(options.logger, options.clock);
    this.#opensRefused = new LogByCode(options.logger, options.clock, 'sessions refused');
    const { turn = new Turn(options.clock) } = options;
    const gatekeeper = guarded(options.gatekeeper, options.logger);
    this.windowed = this.#windowedSessions(turn);
    this.#overload = new Overload({
      clock: options.clock,
      logger: options.logger,
      account: options.account,
      shedAfterMs: options.settings.shedAfterMs,
      counters: options.counters,
      connections: () => this.#supervisors.values(),
      strangers: () => this.#arrivals,
      calls: () => [...this.publishes, ...(options.pushes?.() ?? [])],
      ...(options.others !== undefined && { others: options.others }),
      windowed: this.windowed,
    });
    this.#context = {
      clock: options.clock,
      turn,
      stalls: new StallWatch(options.clock, options.settings.sendTimeoutMs),
      acks: new DelayedAcks(options.clock, options.settings.ackDelayMs),
      windowed: this.windowed,
      account: options.account,
      sessions: options.sessions,
      counters: options.counters,
      settings: options.settings,
      logger: options.logger,
      gatekeeper,
      welcome: (connection) => this.#welcome(connection),
      openRefused: ({ clientId, id, stream }, sessionId, { code, message }) => {
        this.#opensRefused.note(code, {
          client: clientId,
          session: isPrintableId(sessionId) ? sessionId : quoted(sessionId),
          connection: id,
          peer: stream.peer,
          reason: message,
        });
      },
      onGone: (supervisor, end, error) => {
        this.#onGone(supervisor, end, error);
      },
      routes: options.routes,
      items: new TopicItems(options.clock, options.settings.maxMessageBytes),
      maxPayloadBytes: options.windowed.limits.maxPayloadBytes,
      onBegun: ({ connection }, routeName) => {
        this.#tell((interceptor) => interceptor.opened?.(connection, routeName));
      },
    };
    this.publishes = new Publishes({
      ...options.publishes,
      clock: options.clock,
      logger: options.logger,
      gatekeeper,
      account: options.account,
      routes: options.routes,
      settings: options.settings,
      counters: options.counters,
      onRefused: (stream, error, clientId) => {
        this.#tell((interceptor) => interceptor.refused?.(stream, error, clientId));
      },
      onEmpty: () => {
        this.#resolveIfEmpty();
      },
    });
    this.#arrivals = new Arrivals({
      clock: options.clock,
      gatekeeper,
      identifyTimeoutMs: options.settings.identifyTimeoutMs,
      maxUnidentified: options.settings.maxUnidentified,
      refusalIfAsked: ({ method }, asked) =>
        method === 'Publish' ? this.publishes.refusalIfFull(asked) : options.pool.refusalIfFull(asked),
      admit: (stream, identity, messagesRead) => {
        try {
          return this.#admit(stream, identity, messagesRead);
        } catch (error) {
          return this.#refuse(stream, this.#asRefusal(error), identity.clientId);
        }
      },
      refuse: (stream, error) => {
        this.#refuse(stream, this.#asRefusal(error));
      },
    });
  }

  get size(): number {
    return this.#supervisors.size;
  }

  /** Streams of which it is not known yet who is calling, and of these how many have shown nothing. */
  get arriving(): { readonly size: number; readonly silent: number } {
    return this.#arrivals;
  }

  /** For a transport: what it does with each new stream. Never throws. */
  readonly accept: StreamAcceptor = (stream) => {
    try {
      return this.#arrive(stream);
    } catch (error) {
      return this.#refuse(stream, this.#asRefusal(error));
    }
  };

  supervisor(connectionId: string): Supervised | undefined {
    return this.#supervisors.get(connectionId);
  }

  supervisors(): Iterable<Supervised> {
    return this.#supervisors.values();
  }

  /**
   * Tells every client to leave; what is left after `graceMs` is ended. New
   * connections are refused, save while windowed sessions are left: these may be
   * resumed, and each is closed as soon as it has nothing to do. Resolves when
   * the last connection and the last such session is gone: a peer that takes
   * nothing keeps its own for another `sendTimeoutMs`, unless `destroy` is called.
   */
  drain(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    // Told again: the sooner deadline holds.
    this.#drainDeadline = Math.min(this.#drainDeadline ?? Infinity, clock.now() + graceMs);
    for (const supervisor of [...this.#supervisors.values()]) this.#askToLeave(supervisor, graceMs);
    this.#cutTimer?.cancel();
    this.#cutTimer = clock.setTimeout(() => {
      this.windowed.cut();
    }, this.#drainDeadline - clock.now());
    void this.windowed.drain(this.#drainDeadline).then(() => {
      this.#cutTimer?.cancel();
      // Nothing is left that one of them could have come for.
      this.#arrivals.end(takesNobody());
      this.#resolveIfEmpty();
    });
    return new Promise((resolve) => {
      this.#waitingForEmpty.push(resolve);
      this.#resolveIfEmpty();
    });
  }

  /** No windowed session is opened any more; resolves when none is left to be resumed. */
  sessionsDrained(): Promise<void> {
    return this.windowed.drain();
  }

  /** Ends every connection and every session now. Idempotent. */
  destroy(): void {
    this.#drainDeadline ??= this.#options.clock.now();
    const error = new SluiceError('DRAINING', 'the gateway has left', { retryAfterMs: DRAINING_RETRY_MS });
    for (const supervisor of [...this.#supervisors.values()]) supervisor.abort(error);
    this.publishes.destroy(error);
    this.#cutTimer?.cancel();
    this.#arrivals.stop();
    this.windowed.stop();
    this.#sessionEnds.tellAll();
    this.#opensRefused.tellAll();
    this.#overload.stop();
  }

  /** Ends what a client has here, now: sessions, those that wait for it too, and connections; of `which` identities. */
  endClient(
    clientId: string,
    error: SluiceError,
    which: (identity: Identity) => boolean = () => true,
  ): { readonly connections: number; readonly sessions: number } {
    const { pool, sessions } = this.#options;
    const held = [...sessions.ofClient(clientId)].filter(({ identity }) => which(identity));
    for (const session of held) session.expel('session-closed', error);
    const connections = [...pool.ofClient(clientId)].filter(({ identity }) => which(identity));
    for (const { id } of connections) this.#supervisors.get(id)?.end(error);
    this.publishes.endClient(clientId, error, which);
    return { connections: connections.length, sessions: held.length };
  }

  #askToLeave(supervisor: Supervised, graceMs: number): void {
    supervisor.drain(graceMs, 'gateway: leaving', leaving('connect again, to another if there is one'));
  }

  #arrive(stream: TransportStream): StreamReceiver {
    this.#sessionEnds.tellDue();
    this.#opensRefused.tellDue();
    this.#refusalOfNewOnes();
    // Those who have shown nothing have places of their own (auth.maxUnidentified): they take none from others.
    // A full gateway is still published to: for those whom it is full of.
    const { pool } = this.#options;
    const full = stream.method === 'Publish' ? this.publishes.refusalIfFull() : pool.refusalIfFull();
    if (full !== undefined) throw full;
    return this.#arrivals.take(stream);
  }

  /** What everybody is refused with but who resumes; thrown where there is nothing to resume. Undefined while everybody is taken. */
  #refusalOfNewOnes(): SluiceError | undefined {
    if (this.#drainDeadline === undefined) return undefined;
    const refusal = takesNobody();
    // While there is something to resume, who comes may have come for that.
    if (this.windowed.size === 0) throw refusal;
    return refusal;
  }

  #admit(stream: TransportStream, identity: Identity, messagesRead: number): StreamReceiver {
    const { clock, settings, pool, counters, account } = this.#options;
    const deadline = this.#drainDeadline;
    const noNewOnes = this.#refusalOfNewOnes();
    const { method } = stream;
    // Nothing is resumed by a call.
    if (noNewOnes !== undefined && isCallMethod(method)) throw noNewOnes;
    if (method === 'Publish') {
      counters.messagesReceived += messagesRead;
      return this.publishes.take(stream, identity);
    }
    const choice =
      method === 'Subscribe' ? undefined : this.#routeFor(stream.metadata, identity, ACTIONS[method]);
    const refusal = pool.refusal(identity);
    if (refusal !== undefined) throw refusal;

    const now = clock.now();
    const connection = new ClientConnection({
      id: `${this.#idPrefix}-${(this.#nextId++).toString(36)}`,
      identity,
      stream,
      now,
      receiveMessages: settings.receiveQueueMessages,
      receiveBytes: settings.receiveQueueBytes,
      maxMessages: settings.sendQueueMessages,
      maxBytes: settings.sendQueueBytes,
      maxControl: settings.maxControlAnswers,
      throttle: throttleFor(identity, settings, now),
      totalDown: counters.down,
      account,
    });
    connection.messagesReceived = messagesRead;
    counters.messagesReceived += messagesRead;
    pool.add(connection);
    if (choice === undefined) {
      const call = new SubscribeCall(this.#context, connection);
      this.#supervisors.set(connection.id, call);
      call.start();
      return call;
    }
    if (method === 'Ingest') {
      const call = new IngestCall(this.#context, connection, choice);
      this.#supervisors.set(connection.id, call);
      call.start();
      return call.receiver;
    }
    const supervisor = new ConnectionSupervisor(this.#context, connection, choice, noNewOnes);
    this.#supervisors.set(connection.id, supervisor);
    supervisor.start();
    if (deadline !== undefined) this.#askToLeave(supervisor, Math.max(0, deadline - now));
    this.#tell((interceptor) => interceptor.opened?.(connection, choice.name));
    return supervisor.receiver;
  }

  #routeFor(metadata: ReadonlyMap<string, string>, identity: Identity, action: Action): RouteChoice {
    const asked = metadata.get('x-route') ?? '';
    const subject = metadata.get('x-subject') ?? '';
    if (subject !== '' && !isPrintableId(subject)) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `metadata x-subject ${quoted(subject)} is not 1 to 128 printable characters`,
      );
    }
    const named = asked !== '';
    // Before it is looked up: who may not open it gets the same answer whether it exists or not.
    if (named && !identity.allows(action, asked, subject)) {
      tally(this.#options.counters.auth.denied, action);
      throw permissionMissing(action, { route: asked, subject, named });
    }
    const { name, route } = this.#routeNamed(asked);
    return { name, route, subject, named };
  }

  /** "" names the default. */
  #routeNamed(asked: string): { readonly name: string; readonly route: Route } {
    const { routes, defaultRoute } = this.#options;
    const name = asked === '' ? defaultRoute : asked;
    const route = routes.get(name);
    if (route !== undefined) return { name, route };
    throw new SluiceError('UNKNOWN_ROUTE', `no route ${quoted(name)} is configured (routes)`);
  }

  #windowedSessions(turn: Turn): WindowedSessions {
    const { clock, counters, sessions, account, windowed } = this.#options;
    return new WindowedSessions({
      ...windowed,
      clock,
      sessions,
      counters,
      account,
      totals: counters,
      stampMs: () => turn.stampMs(),
      turnMs: () => turn.turnMs(),
      routeFor: (name) => this.#routeNamed(name),
      observeProcessing: (ms) => {
        counters.processing.observe(ms);
      },
      routeFailed: (session, error) => {
        this.#routeFaults.note(error, { session: session?.name, route: session?.routeName });
      },
      forced: (session, end) => {
        this.#sessionEnds.note(session, end);
      },
    });
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
      // For those that are opened; sessions of simple connections end with them.
      resumeWindowMs: settings.resumeWindowMs,
      protocolVersion: PROTOCOL_VERSION,
    });
  }

  #refuse(stream: TransportStream, error: SluiceError, clientId = error.clientId): StreamReceiver {
    this.#tell((interceptor) => interceptor.refused?.(stream, error, clientId));
    stream.end(error);
    return REFUSED;
  }

  #asRefusal(error: unknown): SluiceError {
    if (error instanceof SluiceError) return error;
    this.#options.logger.error({ err: error }, 'a fault refused a stream');
    return new SluiceError('INTERNAL', 'a fault of the gateway refused the stream; its log says more');
  }

  #onGone(supervisor: Supervised, end: ConnectionEnd, error: SluiceError | undefined): void {
    const { connection } = supervisor;
    if (!this.#supervisors.delete(connection.id)) return;
    this.#sessionEnds.tellDue();
    this.#opensRefused.tellDue();
    this.#overload.forget(supervisor);
    this.#options.pool.remove(connection);
    if (supervisor.begun) this.#tell((interceptor) => interceptor.ended?.(connection, end, error));
    else if (error !== undefined) {
      this.#tell((interceptor) => interceptor.refused?.(connection.stream, error, connection.clientId));
    }
    this.#resolveIfEmpty();
  }

  #resolveIfEmpty(): void {
    if (this.#supervisors.size + this.publishes.size + this.windowed.size > 0) return;
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
}

function takesNobody(): SluiceError {
  return leaving('it takes no new connections');
}

function leaving(what: string): SluiceError {
  return new SluiceError('DRAINING', `the gateway is leaving: ${what}`, { retryAfterMs: DRAINING_RETRY_MS });
}
