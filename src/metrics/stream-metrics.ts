import type { Carrier } from '../core/carrier.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import { FlowCounters, type RefusalReason } from '../core/counters.js';
import type { ErrorCode } from '../core/errors.js';
import { AuthCounts } from './auth-counts.js';
import { PushCounts } from './push-counts.js';
import { TimeHistogram } from './time-histogram.js';

/** Upper bounds of the processing-time buckets, in milliseconds. */
export const PROCESSING_BUCKETS_MS: readonly number[] = [
  0.01, 0.05, 0.1, 0.5, 1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000,
];

/**
 * What the gateway counts, as plain fields that the hot path increments;
 * whoever shows them (the report, Prometheus, the admin address) reads them.
 * All of them only rise; what goes up and down is asked of its owner.
 */
export class StreamMetrics {
  connectionsAccepted = 0;
  /** Of these, by what carries them; and those that are over. */
  readonly connectionsBegun = new Map<Carrier, number>();
  readonly connectionsOver = new Map<Carrier, number>();
  /** Streams refused before they became a connection, by catalogue code. */
  readonly connectionsRejected = new Map<ErrorCode, number>();
  /** Connections ended, by catalogue code or by an ending that is no error of the gateway's. */
  readonly connectionsEnded = new Map<ConnectionEnd, number>();
  sessionsOpened = 0;
  sessionsClosed = 0;
  /** Opened sessions that went on with a new attachment, those taken over from a living connection included. */
  sessionsResumed = 0;
  /** Resumes that took the session from a connection that still held it. */
  sessionsTakenOver = 0;
  /** Resumes answered by "gone": the session was not held any more, or never was. */
  sessionsReset = 0;
  /** Sessions ended because nobody resumed them within session.resumeWindow. */
  sessionsExpired = 0;
  /** Detached sessions ended to keep within session.maxDetached and session.maxDetachedSize. */
  sessionsEvicted = 0;
  /** Sessions ended OVERLOADED because the gateway stayed above memory.budget. */
  sessionsShed = 0;
  /** Opened sessions that the gateway ended with an error, by catalogue code; what a client or a route closed is not among them. */
  readonly sessionsEnded = new Map<ErrorCode, number>();

  /** Every message of the wire, control included. */
  messagesReceived = 0;
  messagesSent = 0;
  /** Encoded bytes, frames included. */
  bytesReceived = 0;
  bytesSent = 0;
  /** DATA from clients to routes, and from routes to clients. */
  readonly up = new FlowCounters();
  readonly down = new FlowCounters();
  /** Messages of opened sessions that were not admitted and stand outside the account, by reason. */
  readonly messagesRefused = new Map<RefusalReason, number>();
  /** Gaps written: each tells a client of one range of lost messages, once an attachment. */
  gapsSent = 0;
  /** Acknowledgements written as messages of their own; those that ride on others cost nothing. */
  acksSent = 0;

  /** Messages or connections refused on receipt, by catalogue code. */
  readonly receiveErrors = new Map<ErrorCode, number>();
  /** Connections ended because sending failed, by catalogue code. */
  readonly sendErrors = new Map<ErrorCode, number>();
  /** Messages a route failed on. */
  routeErrors = 0;

  heartbeatsSent = 0;
  /** Not sent, for the send queue was full. */
  heartbeatsSkipped = 0;
  heartbeatsReceived = 0;
  probesSent = 0;
  probesAnswered = 0;
  /** Connections ended as STALE. */
  probesFailed = 0;
  /** Connections reset because their peer did not take what was sent. */
  slowConsumers = 0;

  /** Time sends were held by the throttle, summed over connections. */
  throttledMs = 0;
  throttledTimes = 0;
  /** Times a full receive queue stopped the reading of a connection. */
  readsStopped = 0;
  /** For how long, summed over connections; a stop counts when it is over. */
  readingStoppedMs = 0;
  /** Times the account of buffered bytes rose over memory.budget. */
  budgetExceeded = 0;

  socketsAccepted = 0;
  /** Sockets closed at once: more than server.maxSockets. */
  socketsDropped = 0;
  handshakeTimeouts = 0;
  /** Sockets whose handshake was refused: no HTTP/2, no TLS, or a certificate that does not hold. */
  handshakeFailures = 0;
  /** Sockets ended with GOAWAY "too_many_pings". */
  pingFloods = 0;

  /** Who came in, who was refused, and what they may. */
  readonly auth = new AuthCounts();

  /** What came of pushes over HTTP. */
  readonly pushes = new PushCounts();

  /** Time from handing a message to its route until the route accepted or failed it. */
  readonly processing = new TimeHistogram(PROCESSING_BUCKETS_MS);
}
