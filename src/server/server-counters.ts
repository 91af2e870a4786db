import type { Carrier } from '../core/carrier.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import type { FlowCounters, RefusalReason } from '../core/counters.js';
import type { ErrorCode } from '../core/errors.js';
import type { Action } from '../core/identity.js';

/** What the server counts; `StreamMetrics` fits. Plain fields, for the hot path. */
export interface ServerCounters {
  connectionsAccepted: number;
  /** Of these, by what carries them; and those that are over. */
  readonly connectionsBegun: Map<Carrier, number>;
  readonly connectionsOver: Map<Carrier, number>;
  readonly connectionsRejected: Map<ErrorCode, number>;
  readonly connectionsEnded: Map<ConnectionEnd, number>;
  sessionsOpened: number;
  sessionsClosed: number;
  messagesReceived: number;
  messagesSent: number;
  bytesReceived: number;
  bytesSent: number;
  readonly up: FlowCounters;
  readonly down: FlowCounters;
  readonly receiveErrors: Map<ErrorCode, number>;
  readonly sendErrors: Map<ErrorCode, number>;
  routeErrors: number;
  heartbeatsSent: number;
  heartbeatsSkipped: number;
  heartbeatsReceived: number;
  slowConsumers: number;
  throttledMs: number;
  throttledTimes: number;
  readsStopped: number;
  readingStoppedMs: number;
  readonly processing: { observe(ms: number, count?: number): void };
  /** Messages of opened sessions that were not admitted: outside the account. */
  readonly messagesRefused: Map<RefusalReason, number>;
  /** Gaps written. */
  gapsSent: number;
  /** Times the budget of buffered bytes was crossed, and what was ended over it. */
  budgetExceeded: number;
  readonly auth: {
    /** Fresh tokens taken within their streams, and connections ended because none came. */
    tokensRefreshed: number;
    tokensExpired: number;
    /** Permissions that were missing. */
    readonly denied: Map<Action, number>;
  };
  sessionsShed: number;
}
