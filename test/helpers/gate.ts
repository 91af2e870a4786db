/** Who is calling and what they may open, as the test says; a server behind such a gate, and clients before it. */
import type { Clock } from '../../src/core/clock.js';
import type { Credentials } from '../../src/core/credentials.js';
import { SluiceError } from '../../src/core/errors.js';
import type { Identity } from '../../src/core/identity.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import { ConnectionPool, type ConnectionPoolOptions } from '../../src/pool/connection-pool.js';
import { permissionMissing } from '../../src/core/permission.js';
import type { Gatekeeper, OpenQuestion } from '../../src/server/gatekeeper.js';
import type { StreamSettings } from '../../src/server/settings.js';
import type { StreamInterceptor } from '../../src/server/stream-interceptor.js';
import { StreamingServer, type WindowedSettings } from '../../src/server/streaming-server.js';
import type { Route } from '../../src/session/route.js';
import { SessionManager, type SessionManagerOptions } from '../../src/session/session-manager.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import {
  MemoryConnection,
  type MemoryConnectionOptions,
} from '../../src/transport/memory/memory-connection.js';
import { controlMessage, MessageType, type Control, type DataMessage } from '../../src/wire/messages.js';
import { settings, windowedSettings } from './fake-stream.js';
import { RecordingLogger } from './recording-logger.js';

/** An answer that the test gives when it likes. */
export class Held<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => undefined;
  reject: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

export interface IdentityFields extends Partial<Omit<Identity, 'allows'>> {
  /** What it may open, each a route or `route/subject`; default: everything. */
  readonly opens?: readonly string[];
}

export function identityOf(clientId: string, fields: IdentityFields = {}): Identity {
  const { opens, ...rest } = fields;
  return {
    clientId,
    method: 'jwt',
    clientClass: 'default',
    limits: {},
    expiresAtMs: undefined,
    allowsSomewhere: () => true,
    allows: (_action, route, subject) =>
      opens === undefined || opens.includes(route) || opens.includes(`${route}/${subject}`),
    ...rest,
  };
}

/** A question somebody was asked, and whether its answer is waited for no more. */
interface Asked<Q> {
  readonly about: Q;
  readonly signal: AbortSignal;
}

type Answer<T> = T | Error | Promise<T>;

/**
 * Knows tokens by name. `onIdentify` and `onOpen` may answer instead: at once,
 * by an Error, or by a promise that the test holds.
 */
export class TestGate implements Gatekeeper {
  takesTokens = true;
  readonly tokens = new Map<string, Identity>();
  readonly identified: Asked<Credentials>[] = [];
  readonly opens: Asked<OpenQuestion>[] = [];
  /** Addresses of those who showed nothing. */
  readonly silent: string[] = [];
  onIdentify: (credentials: Credentials) => Answer<Identity> | undefined = ({ token, claimedId }) => {
    if (token !== undefined) {
      return this.tokens.get(token) ?? new SluiceError('UNAUTHENTICATED', 'the token is not known');
    }
    return claimedId === undefined ? undefined : identityOf(claimedId, { method: 'anonymous' });
  };
  onOpen: (question: OpenQuestion) => Answer<void> | undefined = () => undefined;

  identify(credentials: Credentials, signal: AbortSignal): Identity | undefined | Promise<Identity> {
    this.identified.push({ about: credentials, signal });
    const answer = this.onIdentify(credentials);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  mayOpen(question: OpenQuestion, signal: AbortSignal): undefined | Promise<void> {
    const { identity, route, subject } = question;
    if (!identity.allows('open', route, subject))
      throw permissionMissing('open', { route, subject, named: true });
    this.opens.push({ about: question, signal });
    const answer = this.onOpen(question);
    if (answer instanceof Error) throw answer;
    return answer ?? undefined;
  }

  showedNothing(peer: string): void {
    this.silent.push(peer);
  }

  /** Every Open is held from here on; each is answered by the one of its turn. */
  holdOpens(): Held<void>[] {
    const held: Held<void>[] = [];
    this.onOpen = () => {
      const answer = new Held<void>();
      held.push(answer);
      return answer.promise;
    };
    return held;
  }

  /** Every caller is held from here on. */
  holdCallers(): Held<Identity>[] {
    const held: Held<Identity>[] = [];
    this.onIdentify = () => {
      const answer = new Held<Identity>();
      held.push(answer);
      return answer.promise;
    };
    return held;
  }
}

/** Time whose wall clock may be set. */
export class SettableClock extends FakeClock {
  #setByMs = 0;

  override wallNow(): number {
    return super.wallNow() + this.#setByMs;
  }

  /** The wall clock is set forward, or, negative, back. Nothing fires over it. */
  setWallBy(ms: number): void {
    this.#setByMs += ms;
  }
}

export interface GatedOptions {
  readonly settings?: Partial<StreamSettings>;
  readonly sessions?: Partial<SessionManagerOptions>;
  readonly pool?: Partial<ConnectionPoolOptions>;
  readonly windowed?: WindowedSettings;
  readonly routes?: Readonly<Record<string, Route>>;
  readonly interceptors?: readonly StreamInterceptor[];
  readonly budgetBytes?: number;
  readonly publishes?: { readonly maxPublishes: number };
}

/** A server whose gate and time are the test's. The default route is `test`. */
export function gatedServer(route: Route, options: GatedOptions = {}) {
  const clock = new SettableClock();
  return { clock, ...serverBehind(new TestGate(), clock, route, options) };
}

/** The same in any time. */
export function serverBehind(gate: TestGate, clock: Clock, route: Route, options: GatedOptions = {}) {
  const metrics = new StreamMetrics();
  const logger = new RecordingLogger();
  const account = new ByteAccount(options.budgetBytes ?? 1 << 30);
  const pool = new ConnectionPool({
    maxConnections: 10,
    maxConnectionsPerClient: 10,
    retryAfterMs: 0,
    ...options.pool,
  });
  const sessions = new SessionManager({
    clock,
    maxPerConnection: 128,
    maxPerClient: 128,
    max: 128,
    idleTimeoutMs: 0,
    recent: { maxMessages: 4, maxBytes: 100 },
    retryAfterMs: 0,
    totalUp: metrics.up,
    ...options.sessions,
  });
  const server = new StreamingServer({
    clock,
    gatekeeper: gate,
    logger,
    nodeId: 'test',
    pool,
    sessions,
    counters: metrics,
    settings: { ...settings, sendBufferBytes: 64 * 1024, ...options.settings },
    windowed: options.windowed ?? windowedSettings,
    account,
    routes: new Map(Object.entries({ test: route, ...options.routes })),
    defaultRoute: 'test',
    publishes: { maxPublishes: 1_000, maxPublishesPerClient: 256, ...options.publishes },
    interceptors: options.interceptors ?? [],
  });
  return { gate, metrics, logger, account, pool, sessions, server };
}

export type GatedWorld = ReturnType<typeof gatedServer>;

/** A client that reads all it is sent, in time that the test moves. */
export class GatedClient {
  readonly connection: MemoryConnection;
  readonly received: DataMessage[] = [];
  #end: string | undefined;
  #message = '';

  constructor(
    { server, clock }: Pick<GatedWorld, 'server' | 'clock'>,
    options: Partial<MemoryConnectionOptions> = {},
  ) {
    const connection = new MemoryConnection(server.accept, { clock, ...options });
    this.connection = connection;
    void (async () => {
      for await (const message of connection) this.received.push(message);
    })();
    void connection.ended.then(({ close, error }) => {
      this.#end = close === 'ended' ? (error?.code ?? 'OK') : close;
      this.#message = error?.message ?? '';
    });
  }

  /** How it ended: the code of its status, `OK`, or how it broke; undefined while it lives. */
  get end(): string | undefined {
    return this.#end;
  }

  /** The words it ended with. */
  get endMessage(): string {
    return this.#message;
  }

  send(...messages: readonly DataMessage[]): void {
    this.connection.send(...messages);
  }

  authenticate(token: string): void {
    this.send(controlMessage({ action: 'authenticate', token }));
  }

  /** What came, of one session or of the connection (""), in a word each; heartbeats left out. */
  words(sessionId?: string): string[] {
    return this.received
      .filter(({ type }) => type !== MessageType.HEARTBEAT)
      .filter((message) => sessionId === undefined || message.sessionId === sessionId)
      .map(wordOf);
  }

  /** Control of one action that came. */
  controls<A extends Control['action']>(action: A): (Control & { readonly action: A })[] {
    return this.received.flatMap(({ control }) =>
      control?.action === action ? [control as Control & { action: A }] : [],
    );
  }
}

/** `welcome`, `closed PERMISSION_DENIED`, `ack 3`, `data 2:text`, … */
function wordOf({ control, type, sequence, ack, data }: DataMessage): string {
  if (control !== undefined) {
    return 'code' in control && control.code !== '' ? `${control.action} ${control.code}` : control.action;
  }
  if (type === MessageType.ACK) return `ack ${ack}`;
  if (type === MessageType.HEALTH_CHECK) return `probe ${sequence}`;
  return `data ${sequence === 0 ? '' : `${sequence}:`}${Buffer.from(data).toString()}`;
}

/** What is left of a server whose clients have gone: nothing but what waits for them, if it may. */
export function leftOf({ server, pool, sessions, account, clock }: GatedWorld) {
  return {
    connections: pool.size,
    supervisors: server.size,
    arriving: server.arriving.size,
    silent: server.arriving.silent,
    sessions: sessions.size,
    bytes: account.bytes,
    timers: clock.activeTimers,
  };
}

export const NOTHING_LEFT = {
  connections: 0,
  supervisors: 0,
  arriving: 0,
  silent: 0,
  sessions: 0,
  bytes: 0,
  timers: 0,
} as const;
