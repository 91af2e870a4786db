import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.js';
import { tally, type DropReason } from '../../core/counters.js';
import { SluiceError, type ErrorCode } from '../../core/errors.js';
import type { Identity } from '../../core/identity.js';
import { smallest, type Size } from '../../flow/window.js';
import type { Open } from '../../wire/messages.js';
import { chosenOverflow } from '../overflow.js';
import type { Route } from '../route.js';
import type { SessionManager } from '../session-manager.js';
import { FROM_NOW_ON, type TopicStart } from '../topic-route.js';
import { DetachedSessions } from './detached-sessions.js';
import { draining } from './endings.js';
import type { SessionLink } from './session-link.js';
import { Tombstones, type SessionEnding, type TombstoneLimits } from './tombstones.js';
import type { ForcedEnd, WindowedHost, WindowedTraffic } from './windowed-host.js';
import { WindowedSession } from './windowed-session.js';

export interface WindowedSessionsOptions extends Omit<
  WindowedHost<WindowedSession>,
  'fresh' | 'held' | 'closing' | 'ended'
> {
  readonly sessions: SessionManager;
  readonly counters: WindowedCounters;
  readonly maxDetached: number;
  readonly maxDetachedBytes: number;
  readonly ended: Omit<TombstoneLimits, 'keepMs'>;
  /** The route an Open names. Throws UNKNOWN_ROUTE. "" names the default. */
  readonly routeFor: (name: string) => { readonly name: string; readonly route: Route };
  /** A session was ended, and neither its client nor its route had closed it. */
  readonly forced: (session: WindowedSession, end: ForcedEnd) => void;
}

/** Read by the metrics. */
export interface WindowedCounters extends WindowedTraffic {
  sessionsOpened: number;
  sessionsClosed: number;
  sessionsResumed: number;
  sessionsTakenOver: number;
  sessionsReset: number;
  sessionsExpired: number;
  sessionsEvicted: number;
  /** Opened sessions that the gateway ended with an error, by catalogue code; what a client or a route closed is not among them. */
  readonly sessionsEnded: Map<ErrorCode, number>;
}

export interface OpenRequest {
  readonly identity: Identity;
  readonly sessionId: string;
  readonly open: Open;
  readonly link: SessionLink;
  /** Sessions that the connection holds already. */
  readonly connectionSessions: number;
}

/** What an Open asks for. */
export interface OpenTarget {
  readonly route: string;
  readonly subject: string;
  /** Whether the client named the route itself. */
  readonly named: boolean;
}

/** What becomes of an Open. Attached, the session greets its client when `greet` is called. */
export type OpenDecision =
  | { readonly kind: 'attached'; readonly session: WindowedSession; readonly resumed: boolean }
  /** The session has ended: its Errors and its Closed are told again. */
  | { readonly kind: 'ended'; readonly ending: SessionEnding }
  /** The session is gone, and its token dead. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly error: SluiceError };

const TOKEN_BYTES = 16;
/**
 * A message that is still held at the second look may not keep the network's buffer that it came in any longer:
 * so much more memory than the account says is what comes in between two looks, twice.
 */
const DETACH_LOOK_MS = 25;
/** So many evictions a turn, for each looks through all that are detached: when a network fails, thousands may be due. */
const EVICTED_AT_ONCE = 100;
/** What expires one after the other is looked at together. */
const MIN_SWEEP_MS = 10;

/**
 * All windowed sessions of the gateway: decides what becomes of each Open,
 * keeps those whose connection was lost for the resume window, within bounds,
 * and remembers for as long how the others ended.
 */
export class WindowedSessions {
  readonly #options: WindowedSessionsOptions;
  readonly #host: WindowedHost<WindowedSession>;
  readonly #clock: Clock;
  readonly #detached: DetachedSessions<WindowedSession>;
  readonly #tombstones: Tombstones;
  /** Those that wait to be closed: whether their clients get on is looked at. */
  readonly #closing = new Set<WindowedSession>();
  readonly #all = new Set<WindowedSession>();
  #timer: Timer | undefined;
  /** What the timer is set for, in Clock.now(). */
  #dueMs = Infinity;
  /** Sessions that have taken messages lately. */
  #fresh: WindowedSession[] = [];
  #detachTimer: Timer | undefined;
  #evicting = false;
  #draining = false;
  #drainDeadlineMs = Infinity;
  #stopped = false;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: WindowedSessionsOptions) {
    const { clock, limits, maxDetached, maxDetachedBytes } = options;
    this.#options = options;
    this.#clock = clock;
    this.#detached = new DetachedSessions({
      keepMs: limits.resumeWindowMs,
      max: maxDetached,
      maxBytes: maxDetachedBytes,
    });
    this.#tombstones = new Tombstones({ ...options.ended, keepMs: limits.resumeWindowMs });
    this.#host = {
      ...options,
      stampMs: () => options.stampMs(),
      turnMs: () => options.turnMs(),
      observeProcessing: (ms) => {
        options.observeProcessing(ms);
      },
      fresh: (session) => {
        this.#detachSoon(session);
      },
      held: (session, bytes) => {
        this.#held(session, bytes);
      },
      closing: (session) => {
        this.#closing.add(session);
        this.#arm();
      },
      ended: (session, ending, forced) => {
        this.#ended(session, ending, forced);
      },
    };
  }

  get size(): number {
    return this.#all.size;
  }

  /** Sessions without a connection, and what they hold. */
  get detached(): { readonly size: number; readonly bytes: number } {
    return this.#detached;
  }

  /** Records of ended sessions. */
  get remembered(): { readonly size: number; readonly bytes: number } {
    return this.#tombstones;
  }

  [Symbol.iterator](): IterableIterator<WindowedSession> {
    return this.#all.values();
  }

  /**
   * The route and subject that an Open would give its client; undefined where it gives nothing but news of a
   * session. A name is given back as it came: whether there is such a route is not for everybody to know.
   */
  targetOf({
    identity,
    sessionId,
    open,
  }: Pick<OpenRequest, 'identity' | 'sessionId' | 'open'>): OpenTarget | undefined {
    if (!open.resume) {
      const named = open.route !== '';
      return { named, route: named ? open.route : this.#options.routeFor('').name, subject: open.subject };
    }
    const present = this.#options.sessions.windowed(identity.clientId, sessionId);
    if (present === undefined || !isSame(present.token, open.resumeToken)) return undefined;
    const { routeName: route, subject } = present;
    // It may have been opened by saying nothing.
    return { named: route !== this.#options.routeFor('').name, route, subject };
  }

  /** Decides an Open of a session that the connection does not hold. Never throws. */
  decide(request: OpenRequest): OpenDecision {
    try {
      return this.#decide(request);
    } catch (error) {
      if (error instanceof SluiceError) return { kind: 'refused', error };
      this.#options.routeFailed(undefined, error);
      const refusal = new SluiceError('ROUTE_FAILED', 'the route failed to open the session', {
        cause: error,
      });
      return { kind: 'refused', error: refusal };
    }
  }

  /** The connection of an attached session is gone: it waits for its client. */
  detach(session: WindowedSession): void {
    session.detach();
    if (session.state === 'closed') return;
    this.#detached.add(session);
    this.#arm();
    this.#evictSoon();
  }

  /** The budget has room again. */
  relieve(): void {
    for (const session of [...this.#all]) session.relieve();
  }

  /** Whether the time to leave is over. */
  get timeIsUp(): boolean {
    return this.#clock.now() >= this.#drainDeadlineMs;
  }

  /**
   * Refuses fresh Opens; each session is closed as soon as it has nothing to do. Resolves when none is left. Told
   * again, the sooner deadline (Clock.now()) holds; at it `cut` is to be called.
   */
  drain(deadlineMs = Infinity): Promise<void> {
    this.#draining = true;
    this.#drainDeadlineMs = Math.min(this.#drainDeadlineMs, deadlineMs);
    for (const session of [...this.#all]) session.drain();
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  /** The time to leave is over: what was never sent is named by a Gap, and the sessions end. */
  cut(): void {
    for (const session of [...this.#all]) session.cut();
  }

  /** Forgets everything, timers too. Idempotent. */
  stop(): void {
    this.#stopped = true;
    for (const session of [...this.#all]) session.forget('drained', draining());
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#detachTimer?.cancel();
  }

  // --- opening: the table "What happens to an Open" of docs/protocol.md, row by row ---

  #decide(request: OpenRequest): OpenDecision {
    const { identity, sessionId, open } = request;
    const { clientId } = identity;
    const { resumeToken, resume, attempt } = open;
    if (resumeToken.byteLength !== TOKEN_BYTES && (resumeToken.byteLength !== 0 || resume)) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `resume_token of ${resumeToken.byteLength} bytes: it has ${TOKEN_BYTES}`,
      );
    }
    const now = this.#clock.now();
    const token = keyOf(resumeToken);
    const present = this.#options.sessions.windowed(clientId, sessionId);
    const live = present !== undefined && isSame(present.token, resumeToken) ? present : undefined;
    const tombstone = token === '' ? undefined : this.#tombstones.get(clientId, sessionId, token, now);
    const highest = live?.attempt ?? tombstone?.attempt ?? 0;
    if (attempt !== 0 && attempt < highest) {
      throw new SluiceError(
        'TAKEN_OVER',
        `attempt ${attempt} is below ${highest}, the highest seen for the token`,
      );
    }
    if (tombstone !== undefined) {
      tombstone.attempt = Math.max(tombstone.attempt, attempt);
      return tombstone.ending === undefined ? this.#gone() : { kind: 'ended', ending: tombstone.ending };
    }
    if (!resume) return this.#openFresh(request, present, live);
    if (live !== undefined) return this.#resume(request, live);
    // Its first Open may still be under way: it must not create anything any more.
    this.#bury(clientId, sessionId, token, attempt, undefined);
    if (present === undefined) return this.#gone();
    throw new SluiceError('PERMISSION_DENIED', `the token is not that of session "${sessionId}"`);
  }

  #openFresh(
    request: OpenRequest,
    present: WindowedSession | undefined,
    live: WindowedSession | undefined,
  ): OpenDecision {
    const { identity, sessionId, open, link, connectionSessions } = request;
    const { sessions, counters, routeFor, limits } = this.#options;
    if (this.#draining || this.#stopped) throw draining();
    if (live !== undefined || present?.attached === true) {
      throw new SluiceError(
        'SESSION_IN_USE',
        live === undefined
          ? `session "${sessionId}" is attached to another connection`
          : `session "${sessionId}" exists under this token: resume it`,
      );
    }
    const { name, route } = routeFor(open.route);
    const overflow = chosenOverflow(name, route, open.overflow);
    sessions.refuseOverLimit(identity, sessionId, connectionSessions, present === undefined ? 0 : 1);
    const session = new WindowedSession({
      host: this.#host,
      identity,
      sessionId,
      subject: open.subject,
      start: startOf(open),
      routeName: name,
      route,
      token: open.resumeToken.byteLength === 0 ? randomBytes(TOKEN_BYTES) : new Uint8Array(open.resumeToken),
      attempt: open.attempt,
      overflow,
      link,
      window: windowOf(open, limits),
    });
    // What the route sent at once may have ended it already, under the policy disconnect.
    if (session.state === 'closed')
      throw new SluiceError('SLOW_CONSUMER', 'the route sent more than may wait');
    // Only now, for one that is refused replaces nothing.
    present?.forget('session-closed', new SluiceError('SESSION_IN_USE', 'a new session has replaced it'));
    this.#all.add(session);
    sessions.add(session);
    counters.sessionsOpened += 1;
    return { kind: 'attached', session, resumed: false };
  }

  #resume(
    { identity, open, link, connectionSessions, sessionId }: OpenRequest,
    session: WindowedSession,
  ): OpenDecision {
    const { counters, limits, sessions } = this.#options;
    sessions.refuseOverConnectionLimit(sessionId, connectionSessions);
    session.attempt = Math.max(session.attempt, open.attempt);
    session.identity = identity;
    if (session.attached) counters.sessionsTakenOver += 1;
    else this.#detached.remove(session);
    const { lastReceivedSequence: position } = open;
    if (!session.attach(link, position, windowOf(open, limits))) {
      session.failResume(
        new SluiceError(
          'INVALID_MESSAGE',
          `last_received_sequence ${position} of session "${session.name}" was never sent`,
        ),
      );
      // Its Closed is the answer.
      return { kind: 'attached', session, resumed: true };
    }
    counters.sessionsResumed += 1;
    return { kind: 'attached', session, resumed: true };
  }

  #gone(): OpenDecision {
    this.#options.counters.sessionsReset += 1;
    return { kind: 'gone' };
  }

  #bury(
    clientId: string,
    sessionId: string,
    token: string,
    attempt: number,
    ending: SessionEnding | undefined,
  ): void {
    this.#tombstones.bury(clientId, sessionId, token, { attempt, ending }, this.#clock.now());
    this.#arm();
  }

  // --- what the sessions say ---

  #held(session: WindowedSession, bytes: number): void {
    this.#options.account.add(bytes);
    if (this.#detached.changed(session, bytes)) this.#evictSoon();
  }

  #ended(session: WindowedSession, ending: SessionEnding | undefined, forced: ForcedEnd | undefined): void {
    const { clientId, sessionId, token, attempt } = session;
    this.#detached.remove(session);
    this.#closing.delete(session);
    if (!this.#all.delete(session)) return;
    this.#options.sessions.remove(session);
    this.#options.counters.sessionsClosed += 1;
    if (forced !== undefined) {
      tally(this.#options.counters.sessionsEnded, forced.error.code);
      this.#options.forced(session, forced);
    }
    if (!this.#stopped) this.#bury(clientId, sessionId, keyOf(token), attempt, ending);
    if (this.#all.size > 0) return;
    this.#fresh = [];
    this.#detachTimer?.cancel();
    this.#detachTimer = undefined;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  // --- time and bounds ---

  /** One timer for all: what is held at two of its looks is copied out of what it arrived in. */
  #detachSoon(session: WindowedSession): void {
    this.#fresh.push(session);
    this.#armDetach();
  }

  #armDetach(): void {
    if (this.#stopped) return;
    this.#detachTimer ??= this.#clock.setTimeout(() => {
      this.#detachTimer = undefined;
      this.#fresh = this.#fresh.filter((session) => session.detachHeld());
      if (this.#fresh.length > 0) this.#armDetach();
    }, DETACH_LOOK_MS);
  }

  /** Not at once: who made a detached session grow is in the middle of something. */
  #evictSoon(): void {
    if (this.#evicting || !this.#detached.isOverBounds) return;
    this.#evicting = true;
    this.#clock.setImmediate(() => {
      this.#evicting = false;
      for (let left = EVICTED_AT_ONCE; left > 0; left -= 1) {
        const over = this.#detached.toEvict();
        if (over === undefined) return;
        this.#options.counters.sessionsEvicted += 1;
        this.#forget(over.session, 'evicted', over.because);
      }
      this.#evictSoon();
    });
  }

  #forget(session: WindowedSession, reason: DropReason, because: string): void {
    session.forget(reason, new SluiceError('SESSION_EXPIRED', `session "${session.sessionId}" ${because}`));
  }

  /** Looks at what expires within the resume window from now on; what began to wait before is looked at before. */
  #arm(dueMs = this.#clock.now() + this.#options.limits.resumeWindowMs): void {
    if (this.#stopped || this.#dueMs <= dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#dueMs = Infinity;
        const nextMs = this.#sweep();
        if (nextMs !== undefined) this.#arm(nextMs);
      },
      Math.max(MIN_SWEEP_MS, dueMs - this.#clock.now()),
    );
  }

  /** Ends what has waited long enough. Returns when to look again, in Clock.now(). */
  #sweep(): number | undefined {
    const { limits, counters } = this.#options;
    const { resumeWindowMs } = limits;
    const now = this.#clock.now();
    this.#tombstones.expire(now);
    for (
      let session = this.#detached.expired(now);
      session !== undefined;
      session = this.#detached.expired(now)
    ) {
      counters.sessionsExpired += 1;
      this.#forget(
        session,
        'session-expired',
        `was not resumed within ${resumeWindowMs} ms (session.resumeWindow)`,
      );
    }
    for (const session of [...this.#closing]) {
      if (!session.isStalled(now)) continue;
      session.expel(
        'session-closed',
        new SluiceError(
          'SLOW_CONSUMER',
          `the client has acknowledged nothing for ${resumeWindowMs} ms, though the session waits only for it to be ` +
            'closed (session.resumeWindow)',
        ),
      );
    }
    let dueMs = Math.min(this.#tombstones.nextExpiryMs ?? Infinity, this.#detached.nextExpiryMs ?? Infinity);
    for (const session of this.#closing) dueMs = Math.min(dueMs, session.stalledAtMs(now));
    return dueMs === Infinity ? undefined : dueMs;
  }
}

/** A client's window, or the default; cut to what a client may have, for all of it may be held. */
function windowOf(
  { windowMessages, windowBytes }: Open,
  { window, maxWindow }: { readonly window: Size; readonly maxWindow: Size },
): Size {
  return smallest(
    {
      messages: windowMessages === 0 ? window.messages : windowMessages,
      bytes: windowBytes === 0 ? window.bytes : windowBytes,
    },
    maxWindow,
  );
}

/** One object for nearly all, who name no start. */
function startOf({ afterSequence, history }: Open): TopicStart {
  return afterSequence === 0 && history === 0 ? FROM_NOW_ON : { afterSequence, history };
}

/** Tokens as keys of maps; all of one length, as `Tombstones` asks. */
function keyOf(token: Uint8Array): string {
  return Buffer.from(token.buffer, token.byteOffset, token.byteLength).toString('latin1');
}

function isSame(token: Uint8Array, other: Uint8Array): boolean {
  return token.byteLength === other.byteLength && timingSafeEqual(token, other);
}
