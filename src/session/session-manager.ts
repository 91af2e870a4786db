import type { Clock, Timer } from '../core/clock.js';
import type { FlowCounters } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { RecentLimits } from './recent-messages.js';
import type { Route } from './route.js';
import { StreamSession, type SessionPort } from './stream-session.js';

export interface SessionManagerOptions {
  readonly clock: Clock;
  readonly maxPerConnection: number;
  readonly maxPerClient: number;
  readonly max: number;
  /** A session in which neither side has sent anything for so long is ended, at the next sweep; 0 = never. */
  readonly idleTimeoutMs: number;
  readonly recent: RecentLimits;
  /** Given out with a refusal: when to try again, in milliseconds. */
  readonly retryAfterMs: number;
  /** The account of the whole gateway, client to route. */
  readonly totalUp: FlowCounters;
}

export interface OpenRequest {
  readonly clientId: string;
  readonly sessionId: string;
  readonly subject: string;
  readonly routeName: string;
  readonly route: Route;
  readonly connectionId: string;
  /** Sessions the connection holds already. */
  readonly connectionSessions: number;
  readonly port: SessionPort;
}

/** The idle sweep looks at least this often, and this seldom. */
const MIN_SWEEP_MS = 100;
const MAX_SWEEP_MS = 60_000;

/**
 * Every session there is, by client ID and session ID: nested maps, for IDs
 * may hold a colon. Sessions of simple connections are private to them, so one
 * ID may name several of a client.
 */
export class SessionManager {
  readonly #options: SessionManagerOptions;
  readonly #byClient = new Map<string, Map<string, StreamSession[]>>();
  readonly #perClient = new Map<string, number>();
  #size = 0;
  #sweep: Timer | undefined;
  #stopped = false;

  constructor(options: SessionManagerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Throws SESSION_LIMIT naming which limit, or what the route throws to refuse. */
  open(request: OpenRequest): StreamSession {
    const { clientId, sessionId } = request;
    this.#refuseOverLimit(request);
    const session = new StreamSession({
      ...request,
      recent: this.#options.recent,
      totalUp: this.#options.totalUp,
    });
    let sessions = this.#byClient.get(clientId);
    if (sessions === undefined) {
      sessions = new Map();
      this.#byClient.set(clientId, sessions);
    }
    const same = sessions.get(sessionId);
    if (same === undefined) sessions.set(sessionId, [session]);
    else same.push(session);
    this.#perClient.set(clientId, (this.#perClient.get(clientId) ?? 0) + 1);
    this.#size += 1;
    this.#scheduleSweep();
    return session;
  }

  /** Forgets a session that has ended; whether it was there. */
  remove(session: StreamSession): boolean {
    const { clientId, sessionId } = session;
    const sessions = this.#byClient.get(clientId);
    const same = sessions?.get(sessionId);
    const index = same?.indexOf(session) ?? -1;
    if (sessions === undefined || same === undefined || index < 0) return false;
    same.splice(index, 1);
    if (same.length === 0) sessions.delete(sessionId);
    if (sessions.size === 0) this.#byClient.delete(clientId);
    const left = (this.#perClient.get(clientId) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(clientId);
    else this.#perClient.set(clientId, left);
    this.#size -= 1;
    return true;
  }

  /** The sessions of this name: at most one a connection. */
  find(clientId: string, sessionId: string): readonly StreamSession[] {
    return this.#byClient.get(clientId)?.get(sessionId) ?? [];
  }

  *ofClient(clientId: string): Generator<StreamSession> {
    for (const same of this.#byClient.get(clientId)?.values() ?? []) yield* same;
  }

  *[Symbol.iterator](): Generator<StreamSession> {
    for (const clientId of this.#byClient.keys()) yield* this.ofClient(clientId);
  }

  /** Ends the idle sweep; the sessions themselves end with their connections. */
  stop(): void {
    this.#stopped = true;
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #refuseOverLimit(request: OpenRequest): void {
    const { maxPerConnection, maxPerClient, max, retryAfterMs } = this.#options;
    const ofClient = this.#perClient.get(request.clientId) ?? 0;
    const limit =
      request.connectionSessions >= maxPerConnection
        ? `the connection holds ${request.connectionSessions} sessions, the most one may (session.maxPerConnection = ${maxPerConnection})`
        : ofClient >= maxPerClient
          ? `client "${request.clientId}" holds ${ofClient} sessions, the most one may (session.maxPerClient = ${maxPerClient})`
          : this.#size >= max
            ? `the gateway holds ${this.#size} sessions, the most it may (session.max = ${max})`
            : undefined;
    if (limit === undefined) return;
    throw new SluiceError('SESSION_LIMIT', `session "${request.sessionId}" is refused: ${limit}`, {
      retryAfterMs,
    });
  }

  #scheduleSweep(): void {
    const { clock, idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === 0 || this.#stopped || this.#sweep !== undefined || this.#size === 0) return;
    const everyMs = Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, idleTimeoutMs / 4));
    this.#sweep = clock.setTimeout(() => {
      this.#sweep = undefined;
      this.#expireIdle();
      this.#scheduleSweep();
    }, everyMs);
  }

  #expireIdle(): void {
    const { clock, idleTimeoutMs } = this.#options;
    const now = clock.now();
    const idle: StreamSession[] = [];
    for (const session of this) {
      if (session.state !== 'open' || session.inboxLength > 0) continue;
      if (session.idleMs(now) >= idleTimeoutMs) idle.push(session);
    }
    for (const session of idle) {
      const idleMs = Math.round(session.idleMs(now));
      session.expel(
        'session-expired',
        new SluiceError(
          'SESSION_EXPIRED',
          `session "${session.sessionId}" was idle for ${idleMs} ms (session.idleTimeout = ${idleTimeoutMs} ms)`,
        ),
      );
    }
  }
}
