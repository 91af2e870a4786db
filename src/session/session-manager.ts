import type { Clock, Timer } from '../core/clock.js';
import type { FlowCounters } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { RecentLimits } from './recent-messages.js';
import type { Route } from './route.js';
import { SimpleSession, type SimpleSessionPort } from './simple-session.js';
import type { StreamSession } from './stream-session.js';
import { FROM_NOW_ON } from './topic-route.js';
import { WindowedSession } from './windowed/windowed-session.js';

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
  readonly identity: Identity;
  readonly sessionId: string;
  readonly subject: string;
  readonly routeName: string;
  readonly route: Route;
  /** Sessions the connection holds already. */
  readonly connectionSessions: number;
  readonly port: SimpleSessionPort;
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

  /** Opens a session of a simple connection. Throws SESSION_LIMIT naming which limit, or what the route throws to refuse. */
  open(request: OpenRequest): SimpleSession {
    const { identity, sessionId, connectionSessions } = request;
    this.refuseOverLimit(identity, sessionId, connectionSessions);
    const { recent, totalUp } = this.#options;
    const { overflow = 'block' } = request.route;
    const session = new SimpleSession({ ...request, start: FROM_NOW_ON, overflow, recent, totalUp });
    this.add(session);
    return session;
  }

  add(session: StreamSession): void {
    const { clientId, sessionId } = session;
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

  /** The windowed session of this name, of which there is one in all. */
  windowed(clientId: string, sessionId: string): WindowedSession | undefined {
    for (const session of this.find(clientId, sessionId))
      if (session instanceof WindowedSession) return session;
    return undefined;
  }

  /** The sessions of this name: at most one a connection. */
  find(clientId: string, sessionId: string): readonly StreamSession[] {
    return this.#byClient.get(clientId)?.get(sessionId) ?? [];
  }

  /** Throws SESSION_LIMIT where one session more would be too many; `replaced` will be gone by then. */
  refuseOverLimit(
    { clientId, clientClass, limits }: Identity,
    sessionId: string,
    connectionSessions: number,
    replaced = 0,
  ): void {
    const { max } = this.#options;
    const maxPerClient = limits.maxSessions ?? this.#options.maxPerClient;
    this.refuseOverConnectionLimit(sessionId, connectionSessions);
    const ofClient = (this.#perClient.get(clientId) ?? 0) - replaced;
    if (ofClient >= maxPerClient) {
      const setting =
        limits.maxSessions === undefined ? 'session.maxPerClient' : `auth.classes.${clientClass}.maxSessions`;
      this.#refuse(
        sessionId,
        `client "${clientId}" holds ${ofClient} sessions, the most one may (${setting} = ${maxPerClient})`,
      );
    }
    if (this.#size - replaced >= max) {
      this.#refuse(
        sessionId,
        `the gateway holds ${this.#size} sessions, the most it may (session.max = ${max})`,
      );
    }
  }

  /** The same for a connection that takes one more of the sessions there are. */
  refuseOverConnectionLimit(sessionId: string, connectionSessions: number): void {
    const { maxPerConnection } = this.#options;
    if (connectionSessions < maxPerConnection) return;
    this.#refuse(
      sessionId,
      `the connection holds ${connectionSessions} sessions, the most one may (session.maxPerConnection = ${maxPerConnection})`,
    );
  }

  #refuse(sessionId: string, because: string): never {
    const { retryAfterMs } = this.#options;
    throw new SluiceError('SESSION_LIMIT', `session "${sessionId}" is refused: ${because}`, { retryAfterMs });
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
      if (session.state !== 'open' || session.inboxLength > 0 || session.connectionId === '') continue;
      session.noticeSends(now);
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
