import { AdminServer } from './admin/admin-server.js';
import type { Config } from './config/schema.js';
import { SystemClock, type Clock } from './core/clock.js';
import { SluiceError } from './core/errors.js';
import type { Identity } from './core/identity.js';
import type { Logger } from './core/logger.js';
import { Turn } from './core/turn.js';
import { ByteAccount } from './flow/byte-account.js';
import { GatewayAuth } from './gateway-auth.js';
import { drainDeadlineMs, untilDrained, type Left } from './gateway-drain.js';
import { GatewayEdge } from './gateway-edge.js';
import { GatewayLimits } from './gateway-limits.js';
import { GatewayProxies } from './gateway-proxies.js';
import { revocationSources } from './gateway-revocations.js';
import { gatewayRoutes } from './gateway-routes.js';
import {
  budgetBytes,
  grpcServerSettings,
  metricsLimits,
  recentLimits,
  servedAddresses,
  streamSettings,
  windowedSettings,
} from './gateway-settings.js';
import { upstreamPools } from './gateway-upstreams.js';
import { HealthChecker } from './health/health-checker.js';
import { Readiness } from './health/readiness.js';
import type { MetricsSources } from './metrics/metrics-sources.js';
import type { ProxyFigures } from './metrics/proxy-figures.js';
import type { TopicFigures } from './metrics/route-figures.js';
import { PeriodicReport } from './metrics/periodic-report.js';
import { PrometheusExporter } from './metrics/prometheus.js';
import { RateSampler } from './metrics/rate-sampler.js';
import { StreamMetrics } from './metrics/stream-metrics.js';
import { GatewayFactsSource } from './metrics/gateway-facts.js';
import { totalsOf } from './metrics/totals.js';
import type { ClientConnection } from './pool/client-connection.js';
import { ConnectionPool } from './pool/connection-pool.js';
import type { Middleware } from './routes/middleware/middleware.js';
import type { RouteCounters } from './routes/route-counters.js';
import { inspection, queueDepths, slowReasons, windowedLevels } from './server/inspection.js';
import type { PublishLevels } from './server/calls/publishes.js';
import { silentConnections } from './server/probe.js';
import { streamCounting } from './server/stream-counting.js';
import type { StreamInterceptor } from './server/stream-interceptor.js';
import { streamLogging } from './server/stream-logging.js';
import { streamTracing } from './server/stream-tracing.js';
import { StreamingServer } from './server/streaming-server.js';
import { ClientSessions } from './session/client-sessions.js';
import type { Route } from './session/route.js';
import { SessionManager } from './session/session-manager.js';
import type { StreamAcceptor } from './transport/contract.js';
import type { BoundAddress } from './transport/net/address.js';
import { GrpcServer } from './transport/grpc/grpc-server.js';
import type { UpstreamLevels, UpstreamPool } from './upstream/upstream-pool.js';
import { VERSION } from './version.js';

export { takeLibraryLog } from './transport/grpc/library-log.js';

export interface GatewayOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Default: the platform's time. */
  readonly clock?: Clock;
  /** Routes of your own, by name, beside the configured ones; on a name of both, yours is taken. */
  readonly routes?: Readonly<Record<string, Route>>;
  /** Around every route; the first is outermost. */
  readonly middleware?: readonly Middleware[];
  /** Around the routes of these names, within `middleware`. */
  readonly routeMiddleware?: Readonly<Record<string, readonly Middleware[]>>;
  /** The route of clients that name none. Default: what the configuration says. */
  readonly defaultRoute?: string;
  /** Told of every stream's beginning and end, after the gateway's own. */
  readonly interceptors?: readonly StreamInterceptor[];
}

/** How soon a client that was refused for a limit should try again, in milliseconds. */
const LIMIT_RETRY_MS = 5_000;
/**
 * The whole gateway: builds the parts, wires them, starts them in order and
 * takes leave in the reverse. One process may hold several.
 */
export class Gateway {
  readonly clock: Clock;
  readonly metrics = new StreamMetrics();
  readonly readiness = new Readiness();
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #routeCounters: ReadonlyMap<string, RouteCounters>;
  readonly #limits: GatewayLimits;
  readonly #upstreams: ReadonlyMap<string, UpstreamPool>;
  readonly #pool: ConnectionPool;
  readonly #account: ByteAccount;
  readonly #auth: GatewayAuth;
  readonly #sessions: SessionManager;
  readonly #server: StreamingServer;
  /** Undefined where none is configured. */
  readonly #proxies: GatewayProxies | undefined;
  readonly #grpc: GrpcServer;
  readonly #edge: GatewayEdge;
  readonly #checker: HealthChecker;
  readonly #report: PeriodicReport;
  readonly #rates: RateSampler<ClientConnection>;
  readonly #exporter: PrometheusExporter;
  readonly #admin: AdminServer | undefined;
  readonly #facts: GatewayFactsSource | undefined;
  readonly #stopFollowing: () => void;
  /** Ended because their client was revoked. */
  #thrownOut = { connections: 0, sessions: 0, calls: 0 };
  #adminAddress: string | undefined;
  #routesStopped = false;
  #starting: Promise<void> | undefined;
  #destroyed = false;
  #stopping: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { config, logger } = options;
    const clock = options.clock ?? new SystemClock();
    this.#config = config;
    this.#logger = logger;
    this.clock = clock;
    this.#pool = new ConnectionPool({
      maxConnections: config.pool.maxConnections,
      maxConnectionsPerClient: config.pool.maxConnectionsPerClient,
      retryAfterMs: LIMIT_RETRY_MS,
    });
    this.#account = new ByteAccount(budgetBytes(config));
    this.#sessions = new SessionManager({
      clock,
      maxPerConnection: config.session.maxPerConnection,
      maxPerClient: config.session.maxPerClient,
      max: config.session.max,
      idleTimeoutMs: config.session.idleTimeout,
      recent: recentLimits(config.session),
      retryAfterMs: LIMIT_RETRY_MS,
      totalUp: this.metrics.up,
    });
    this.#upstreams = upstreamPools(config, clock, logger);
    this.#limits = new GatewayLimits(config, clock);
    const { defaultRoute = config.defaultRoute } = options;
    const { routes, counters } = gatewayRoutes({
      config,
      clock,
      logger,
      upstreams: this.#upstreams,
      routes: options.routes ?? {},
      middleware: options.middleware ?? [],
      routeMiddleware: options.routeMiddleware ?? {},
      limits: this.#limits,
      defaultRoute,
    });
    this.#routes = routes;
    this.#routeCounters = counters;
    this.#auth = new GatewayAuth({
      config,
      clock,
      logger,
      counts: this.metrics.auth,
      onRevoked: (subject) => {
        this.#throwOut(subject);
      },
    });
    if (Object.keys(config.proxies).length > 0) {
      this.#proxies = new GatewayProxies({
        config,
        clock,
        logger,
        gatekeeper: this.#auth.authentication,
        account: this.#account,
        upstreams: this.#upstreams,
      });
    }
    const turn = new Turn(clock);
    this.#server = new StreamingServer({
      clock,
      turn,
      logger,
      nodeId: config.node.id,
      gatekeeper: this.#auth.authentication,
      pool: this.#pool,
      sessions: this.#sessions,
      counters: this.metrics,
      settings: streamSettings(config),
      windowed: windowedSettings(config),
      publishes: config.pool,
      account: this.#account,
      routes,
      defaultRoute,
      interceptors: [
        streamCounting(this.metrics),
        streamLogging(logger, clock),
        streamTracing(),
        ...(options.interceptors ?? []),
      ],
      ...(this.#proxies !== undefined && { others: this.#proxies.server }),
      pushes: () => this.#edge.pushes,
    });
    this.#grpc = new GrpcServer({
      clock,
      turn,
      logger,
      metrics: this.metrics,
      account: this.#account,
      ...grpcServerSettings(config),
    });
    this.#edge = new GatewayEdge({
      config,
      clock,
      logger,
      metrics: this.metrics,
      account: this.#account,
      gatekeeper: this.#auth.authentication,
      accept: this.#server.accept,
      client: (clientId) => this.client(clientId),
      pushRates: this.#limits.ofPushes(),
      turn,
    });
    this.#proxies?.attach(this.#grpc);
    this.#stopFollowing = this.readiness.follow((ready) => {
      this.#grpc.setServing(ready);
    });
    this.#checker = new HealthChecker({
      clock,
      probe: { silentSince: (since) => silentConnections(this.#server, since) },
      metrics: this.metrics,
      intervalMs: config.health.interval,
      maxInactivityMs: config.health.maxInactivity,
      queueTimeoutMs: config.health.probeQueueTimeout,
      answerTimeoutMs: config.health.probeAnswerTimeout,
    });
    this.#rates = new RateSampler({
      clock,
      items: () => this.#pool,
      read: (connection) => ({ received: connection.messagesReceived, sent: connection.messagesSent }),
    });
    const sources = this.#metricsSources();
    this.#exporter = new PrometheusExporter({
      metrics: this.metrics,
      sources,
      limits: metricsLimits(config),
      build: { version: VERSION, nodeId: config.node.id },
    });
    this.#report = new PeriodicReport({
      clock,
      logger,
      metrics: this.metrics,
      sources,
      intervalMs: config.metrics.reportInterval,
    });
    if (!config.admin.enabled) return;
    const inspected = inspection({
      sendBufferBytes: config.stream.sendBufferSize,
      clock,
      pool: this.#pool,
      sessions: this.#sessions,
      server: this.#server,
      rates: this.#rates,
    });
    const { connections, sessions, sockets, edgeSockets = 0 } = metricsLimits(config);
    const facts = new GatewayFactsSource({
      clock,
      version: VERSION,
      nodeId: config.node.id,
      limits: { connections, sessions, sockets, edgeSockets },
      addresses: () => servedAddresses(config, this.addresses, this.edgeAddresses),
      rates: () => this.#rates.sum(),
      slow: () => slowReasons(inspected.connections()),
    });
    this.#facts = facts;
    this.#admin = new AdminServer({
      clock,
      logger,
      listen: config.admin.listen,
      sources: {
        ...inspected,
        revocations: revocationSources(this.#auth.revocations, () => this.#thrownOut),
        totals: () => ({ gateway: facts.read(), ...totalsOf(this.metrics, sources) }),
        ready: () => ({
          ready: this.readiness.ready,
          reasons: this.readiness.ready ? [] : [this.readiness.reason],
        }),
        metricsText: () => this.#exporter.metricsText(),
      },
    });
  }

  /** Where clients connect; empty before `start` and after `stop`. */
  get addresses(): readonly BoundAddress[] {
    return this.#grpc.addresses;
  }

  /** Where browsers and plain HTTP clients connect; empty as `addresses` is, and where there is no such address. */
  get edgeAddresses(): readonly BoundAddress[] {
    return this.#edge.addresses;
  }

  /** `host:port` of the admin address, where there is one. */
  get adminAddress(): string | undefined {
    return this.#adminAddress;
  }

  /**
   * What a transport gives each new stream to; the gateway's own listeners do.
   * For transports of your own, and for tests without a network.
   */
  get accept(): StreamAcceptor {
    return this.#server.accept;
  }

  /** All sessions of one client, for pushes to a user: those it has when they are asked for. */
  client(clientId: string): ClientSessions {
    return new ClientSessions(clientId, this.#sessions);
  }

  get connections(): number {
    return this.#pool.size;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Calls of Publish under way. */
  get calls(): { readonly publishes: PublishLevels } {
    return { publishes: this.#server.publishes.levels };
  }

  /** Network connections at this moment, those without a stream included. */
  get sockets(): number {
    return this.#grpc.socketCount + this.#edge.socketCount;
  }

  /** What each configured proxy does now, and has done. */
  get proxies(): readonly ProxyFigures[] {
    return this.#proxies?.figures.proxies ?? [];
  }

  /** What each configured upstream does now, and has done; a proxy with addresses of its own has one of its name. */
  get upstreams(): readonly UpstreamLevels[] {
    return [...this.#upstreams.values()].map((upstream) => upstream.levels);
  }

  /**
   * Rejects with a StartError, one sentence for a person, when something can't be opened; nothing is left open
   * then. Once, and not after `stop`.
   */
  start(): Promise<void> {
    if (this.#stopping !== undefined || this.#destroyed)
      return Promise.reject(new Error('the gateway was stopped: it does not start again'));
    this.#starting ??= this.#open();
    return this.#starting;
  }

  async #open(): Promise<void> {
    try {
      for (const upstream of this.#upstreams.values()) upstream.start();
      for (const route of this.#routes.values()) {
        await route.start?.();
        // Destroyed meanwhile, all have been stopped: none may start after that.
        this.#throwIfDestroyed();
      }
      await this.#proxies?.start();
      this.#throwIfDestroyed();
      await this.#grpc.start(this.#server.accept, this.#proxies?.server);
      await this.#edge.start();
      if (this.#admin !== undefined) {
        const { address, port } = await this.#admin.start();
        this.#adminAddress = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
      }
      this.#throwIfDestroyed();
    } catch (error) {
      await this.destroy();
      throw error;
    }
    this.#auth.start();
    this.#checker.start();
    this.#rates.start();
    this.#report.start();
    if (this.#stopping === undefined) this.readiness.setReady();
    this.#logger.info(
      {
        version: VERSION,
        grpc: this.addresses.map((address) => address.text),
        edge: this.edgeAddresses.map((address) => address.text),
        admin: this.#adminAddress,
        routes: [...this.#routes.keys()],
        ...(this.#proxies !== undefined && { proxies: Object.keys(this.#config.proxies) }),
        tls: this.#config.server.tls.certificateFile !== '',
        pid: process.pid,
      },
      'gateway ready',
    );
  }

  /**
   * Leaves gracefully: unready, no new connections, every client told, queues
   * emptied, streams ended with UNAVAILABLE and retry advice; what is left
   * after `server.drainGrace` is cut. Resolves when nothing is left. Idempotent;
   * while it starts, it starts first.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  /** Ends everything now. Idempotent; also while `stop` is under way. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    this.readiness.setUnready('stopped');
    this.#checker.stop();
    this.#rates.stop();
    this.#sessions.stop();
    this.#server.destroy();
    this.#proxies?.destroy();
    this.#stopRoutes();
    for (const upstream of this.#upstreams.values()) upstream.stop();
    this.#auth.stop();
    await Promise.all([this.#grpc.destroy(), this.#edge.destroy(), this.#admin?.stop()]);
    this.#report.stop();
    this.#exporter.stop();
    this.#facts?.stop();
    this.#stopFollowing();
  }

  /** Reads the files again now that the configuration names: certificates, tokens, keys, revocations, .proto files. Bad ones leave the last good. */
  reload(): void {
    this.#grpc.reloadTls();
    this.#edge.reloadTls();
    this.#auth.reload();
    this.#proxies?.reload();
  }

  /** Once, for `destroy` may be called again. */
  #stopRoutes(): void {
    if (this.#routesStopped) return;
    this.#routesStopped = true;
    for (const [name, route] of this.#routes) {
      try {
        route.stop?.();
      } catch (error) {
        this.#logger.error({ err: error, route: name }, 'a route failed to stop');
      }
    }
  }

  /** Ends what a revoked client has here, but for what it came to with newer credentials. */
  #throwOut(subject: string): void {
    const { authentication } = this.#auth;
    const error = new SluiceError('UNAUTHENTICATED', 'this client has been revoked');
    const isRevoked = (identity: Identity): boolean => authentication.isRevoked(identity);
    const proxied = this.#proxies?.server.endClient(subject, error, isRevoked) ?? 0;
    const calls = proxied + this.#edge.pushes.endClient(subject, error, isRevoked);
    const ended = { ...this.#server.endClient(subject, error, isRevoked), calls };
    this.#thrownOut = {
      connections: this.#thrownOut.connections + ended.connections,
      sessions: this.#thrownOut.sessions + ended.sessions,
      calls: this.#thrownOut.calls + calls,
    };
    if (ended.connections === 0 && ended.sessions === 0 && calls === 0) return;
    this.#logger.info({ subject, ...ended }, 'a revoked client was thrown out');
  }

  #throwIfDestroyed(): void {
    if (this.#destroyed) throw new Error('the gateway was destroyed while it started');
  }

  async #leave(): Promise<void> {
    this.readiness.setUnready('draining');
    // Half started, it does not know yet what to close. Why it did not start is for who started it.
    await this.#starting?.catch(() => undefined);
    const graceMs = this.#config.server.drainGrace;
    this.#logger.info({ graceMs, ...this.#left() }, 'draining');
    this.#edge.drain();
    const forClientsMs = drainDeadlineMs(graceMs);
    const drained = Promise.all([
      this.#server.drain(forClientsMs),
      this.#proxies?.server.drain(forClientsMs),
    ]);
    // Sessions live nowhere else: while there are any, their clients may come back to them.
    const closed = this.#server.sessionsDrained().then(async () => {
      this.#edge.stopListening();
      await this.#grpc.stopListening();
      this.#grpc.drainConnections();
    });
    await untilDrained({
      clock: this.clock,
      logger: this.#logger,
      graceMs,
      drained,
      left: () => this.#left(),
      sockets: () => this.sockets,
    });
    await this.destroy();
    await closed;
    this.#logger.info({}, 'gateway stopped');
  }

  #left(): Left {
    const { up, down } = this.metrics;
    return {
      connections: this.connections,
      sessions: this.sessions,
      detached: windowedLevels(this.#server.windowed).detached,
      upPending: up.pending,
      downPending: down.pending,
      ...(this.#proxies !== undefined && { proxiedCalls: this.#proxies.server.size }),
    };
  }

  #metricsSources(): MetricsSources {
    return {
      connections: () => this.#pool.size,
      sessions: () => this.#sessions.size,
      sockets: () => this.#grpc.socketCount,
      edgeSockets: () => this.#edge.socketCount,
      queues: () => queueDepths(this.#pool),
      windowed: () => windowedLevels(this.#server.windowed),
      auth: () => ({ unidentified: this.#server.arriving.silent, ...this.#auth.levels }),
      publishes: () => this.#server.publishes.levels,
      pushes: () => this.#edge.pushes.underWay,
      routes: () => [...this.#routeCounters].map(([route, counters]) => Object.assign({ route }, counters)),
      topics: () => topicFigures(this.#routes),
      rateLimits: () => this.#limits.figures,
      upstreams: () => this.upstreams,
      proxies: () => this.#proxies?.figures,
      memory: () => ({ bufferedBytes: this.#account.bytes, budgetBytes: this.#account.budgetBytes }),
    };
  }
}

/** The topics of every route that has some. */
function topicFigures(routes: ReadonlyMap<string, Route>): readonly TopicFigures[] {
  const figures: TopicFigures[] = [];
  for (const [route, { topic }] of routes) {
    if (topic !== undefined) figures.push({ route, ...topic.levels, ...topic.counters });
  }
  return figures;
}
