/** Windowed sessions without a server: the links to their connections are the test's, and so is the time. */
import { FlowCounters, type RefusalReason } from '../../src/core/counters.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import type { Route, RouteHandler, RouteSession } from '../../src/session/route.js';
import { SessionManager, type SessionManagerOptions } from '../../src/session/session-manager.js';
import type { SessionLink } from '../../src/session/windowed/session-link.js';
import type { ForcedEnd, WindowedLimits } from '../../src/session/windowed/windowed-host.js';
import type { WindowedSession } from '../../src/session/windowed/windowed-session.js';
import {
  WindowedSessions,
  type OpenDecision,
  type WindowedSessionsOptions,
} from '../../src/session/windowed/windowed-sessions.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import {
  dataMessage,
  openControl,
  type Control,
  type DataMessage,
  type Open,
} from '../../src/wire/messages.js';
import { windowedSettings } from './fake-stream.js';
import { anonymousIdentity } from './anonymous-identity.js';

/** One session's hold on one connection. */
export class FakeLink implements SessionLink {
  readonly connectionId: string;
  readonly peer = '192.0.2.1:1234';
  readonly written: DataMessage[] = [];
  answersBlocked = false;
  acksAsked = 0;
  hasLeft = false;

  constructor(connectionId: string) {
    this.connectionId = connectionId;
  }

  write(message: DataMessage): void {
    if (this.hasLeft) throw new Error(`a word to ${this.connectionId} after the session had left it`);
    this.written.push(message);
  }
  wake(): void {
    // The test takes when it likes.
  }
  ackLater(): void {
    this.acksAsked += 1;
  }
  progressed(): void {
    // Nobody waits for it.
  }
  left(): void {
    if (this.hasLeft) throw new Error(`left ${this.connectionId} twice`);
    this.hasLeft = true;
  }

  /** What was written, by name. */
  get words(): readonly string[] {
    return this.written.map(({ control, ack }) =>
      control === undefined
        ? `ack ${ack}`
        : `${control.action}${'code' in control && control.code !== '' ? ` ${control.code}` : ''}`,
    );
  }

  /** The last control of an action that was written. */
  last<A extends Control['action']>(action: A): Control & { readonly action: A } {
    const found = this.written.findLast(({ control }) => control?.action === action)?.control;
    if (found === undefined) throw new Error(`no ${action} among: ${this.words.join(', ')}`);
    return found as Control & { readonly action: A };
  }
}

interface Held {
  readonly message: DataMessage;
  readonly accept: () => void;
  readonly fail: (error: Error) => void;
}

/** What its sessions were given; each message waits to be let go, where the route holds. */
export class TestRoute implements Route {
  readonly kind = 'test';
  /** As they are when a session opens. */
  pipelined = false;
  wantsWhole = false;
  readonly sessions: RouteSession[] = [];
  readonly handled: DataMessage[] = [];
  closed = 0;
  /** Whether messages wait for `release`. */
  holds = false;
  /** Called as the session opens; may send, or throw to refuse. */
  onOpen: (session: RouteSession) => void = () => undefined;
  /** Called with each message; may throw. */
  onMessage: (message: DataMessage, session: RouteSession) => void = () => undefined;
  readonly #held: Held[] = [];

  open(session: RouteSession): RouteHandler {
    this.onOpen(session);
    this.sessions.push(session);
    return {
      handle: (message) => {
        this.handled.push(message);
        this.onMessage(message, session);
        if (!this.holds) return undefined;
        return new Promise((accept, fail) => {
          this.#held.push({ message, accept, fail });
        });
      },
      closed: () => {
        this.closed += 1;
      },
    };
  }

  /** The session opened last. */
  get session(): RouteSession {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error('no session was opened');
    return session;
  }

  release(): void {
    this.holds = false;
    for (const { accept } of this.#held.splice(0)) accept();
  }

  /** Is done with one of the messages it holds, the n-th it was ever given; the session hears of it by and by. */
  finish(n: number, error?: Error): void {
    const index = this.#held.findIndex(({ message }) => message === this.handled[n - 1]);
    const [held] = this.#held.splice(index, 1);
    if (index < 0 || held === undefined) throw new Error(`message ${n} is not held`);
    if (error === undefined) held.accept();
    else held.fail(error);
  }
}

export function openOf(fields: Partial<Omit<Open, 'action'>> = {}): Open {
  return openControl({ resumeToken: tokenOf(1), attempt: 1, ...fields });
}

/** A token of its own for each number. */
export function tokenOf(number: number): Uint8Array {
  return new Uint8Array(16).fill(number);
}

export function data(sequence: number, weight = 10, more = false): DataMessage {
  return dataMessage({ sequence, data: new Uint8Array(weight), more });
}

export interface WorldOptions {
  readonly limits?: Partial<WindowedLimits>;
  readonly sessions?: Partial<SessionManagerOptions>;
  readonly budgetBytes?: number;
  readonly windowed?: Partial<Pick<WindowedSessionsOptions, 'maxDetached' | 'maxDetachedBytes' | 'ended'>>;
}

export interface Opening extends Partial<Open> {
  readonly client?: string;
  readonly id?: string;
  /** Sessions that the connection holds already. */
  readonly others?: number;
}

export class WindowedWorld {
  readonly clock = new FakeClock();
  readonly route = new TestRoute();
  readonly account: ByteAccount;
  readonly totals = { up: new FlowCounters(), down: new FlowCounters() };
  readonly counters = {
    messagesRefused: new Map<RefusalReason, number>(),
    gapsSent: 0,
    acksSent: 0,
    sessionsOpened: 0,
    sessionsClosed: 0,
    sessionsResumed: 0,
    sessionsTakenOver: 0,
    sessionsReset: 0,
    sessionsExpired: 0,
    sessionsEvicted: 0,
    sessionsEnded: new Map<ErrorCode, number>(),
  };
  readonly limits: WindowedLimits;
  readonly sessions: SessionManager;
  readonly windowed: WindowedSessions;
  readonly faults: unknown[] = [];
  /** What the gateway ended, in order. */
  readonly forced: (readonly [WindowedSession, ForcedEnd])[] = [];
  #links = 0;

  constructor({ limits, sessions, budgetBytes = 1 << 30, windowed }: WorldOptions = {}) {
    const { clock, totals } = this;
    this.account = new ByteAccount(budgetBytes);
    this.limits = { ...windowedSettings.limits, resumeWindowMs: 1_000, ...limits };
    this.sessions = new SessionManager({
      clock,
      ...{ maxPerConnection: 10, maxPerClient: 20, max: 1_000, idleTimeoutMs: 0, retryAfterMs: 7 },
      recent: this.limits.recent,
      totalUp: totals.up,
      ...sessions,
    });
    this.windowed = new WindowedSessions({
      ...windowedSettings,
      ...windowed,
      clock,
      limits: this.limits,
      totals,
      account: this.account,
      counters: this.counters,
      sessions: this.sessions,
      stampMs: () => clock.wallNow(),
      turnMs: () => clock.now(),
      observeProcessing: () => undefined,
      routeFailed: (_session, error) => {
        this.faults.push(error);
      },
      routeFor: (name) => ({ name, route: this.route }),
      forced: (session, end) => {
        this.forced.push([session, end]);
      },
    });
  }

  /** What becomes of an Open over a new connection. Attached, the session is greeted. */
  open({ client = 'ann', id = 's', others = 0, ...fields }: Opening = {}) {
    this.#links += 1;
    const link = new FakeLink(`c${this.#links}`);
    const decision = this.windowed.decide({
      identity: anonymousIdentity(client),
      sessionId: id,
      open: openOf(fields),
      link,
      connectionSessions: others,
    });
    if (decision.kind === 'attached' && decision.session.state !== 'closed')
      decision.session.greet(decision.resumed);
    return { decision, link };
  }

  /** Opens a session, which must succeed. */
  opened(opening: Opening = {}): { readonly session: WindowedSession; readonly link: FakeLink } {
    const { decision, link } = this.open(opening);
    if (decision.kind !== 'attached') throw new Error(`not attached but ${said(decision)}`);
    return { session: decision.session, link };
  }

  /** A session whose connection was lost. */
  detached(opening: Opening = {}): WindowedSession {
    const { session } = this.opened(opening);
    this.windowed.detach(session);
    return session;
  }

  /** What becomes of an Open, in a word. */
  answer(opening: Opening = {}): string {
    return said(this.open(opening).decision);
  }

  /** Takes what the session lets out. */
  take(session: WindowedSession): DataMessage[] {
    const batch: DataMessage[] = [];
    session.take(batch, 10_000, Infinity);
    return batch;
  }
}

function said(decision: OpenDecision): string {
  switch (decision.kind) {
    case 'attached':
      return decision.resumed ? 'resumed' : 'opened';
    case 'ended':
      return `ended ${decision.ending.closed.code}`.trimEnd();
    case 'gone':
      return 'gone';
    case 'refused':
      return decision.error.code;
  }
}
