import type { Clock } from '../../core/clock.js';
import type { FlowCounters, RefusalReason } from '../../core/counters.js';
import type { SluiceError } from '../../core/errors.js';
import type { ByteAccount } from '../../flow/byte-account.js';
import type { Size } from '../../flow/window.js';
import type { RecentLimits } from '../recent-messages.js';
import type { SessionEnding } from './tombstones.js';

/** What every windowed session is held to. */
export interface WindowedLimits {
  /** Granted to clients; what is sent to a client that names no window of its own. */
  readonly window: Size;
  /** The largest window a client may state: a larger one is cut to it. */
  readonly maxWindow: Size;
  /** The most that may wait unsent. */
  readonly waiting: Size;
  readonly maxPayloadBytes: number;
  readonly maxMessageBytes: number;
  /** How long a detached session waits for its client, and one that is ending for its client's acks. */
  readonly resumeWindowMs: number;
  readonly recent: RecentLimits;
}

/** What windowed sessions count beside their accounts. */
export interface WindowedTraffic {
  /** Messages that were not admitted, outside all accounts. */
  readonly messagesRefused: Map<RefusalReason, number>;
  gapsSent: number;
  acksSent: number;
}

/** Why the gateway ended a session, and what the session held then: that is lost. */
export interface ForcedEnd {
  readonly error: SluiceError;
  /** The connection that held it; "" when it was detached. */
  readonly connectionId: string;
  /** Messages that its route was not done with. */
  readonly toRoutes: number;
  /** Messages that its client had not acknowledged, the unsent among them. */
  readonly toClient: number;
}

/** What a windowed session needs of the gateway; it outlives any connection. */
export interface WindowedHost<Session> {
  readonly clock: Clock;
  readonly limits: WindowedLimits;
  readonly totals: { readonly up: FlowCounters; readonly down: FlowCounters };
  readonly account: ByteAccount;
  readonly counters: WindowedTraffic;
  /** Unix milliseconds, one reading a turn. */
  stampMs(): number;
  /** Clock.now(), one reading a turn: for what need not be exact. */
  turnMs(): number;
  observeProcessing(ms: number): void;
  /** Without a session: its route failed to open it. */
  routeFailed(session: Session | undefined, error: unknown): void;
  /**
   * The session holds data that may be views of what it arrived in: `detachHeld` is to be called before long, until
   * it says that there is nothing more.
   */
  fresh(session: Session): void;
  /** What the session holds has grown, or shrunk, by so many bytes. */
  held(session: Session, bytes: number): void;
  /** The session waits to be closed: whether its client gets on is watched from here on. */
  closing(session: Session): void;
  /**
   * The session is over; what its client is told of it after a resume, if anything.
   * Forced: not as its client or its route closed it.
   */
  ended(session: Session, ending: SessionEnding | undefined, forced: ForcedEnd | undefined): void;
}
