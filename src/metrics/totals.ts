import type { FlowCounters } from '../core/counters.js';
import { authTotals, type AuthTotals } from './auth-totals.js';
import { proxyTotals, type ProxyTotals } from './proxy-totals.js';
import type { RateLimitFigures } from './rate-limit-figures.js';
import type { RouteOptionFigures, TopicFigures, UpstreamFigures } from './route-figures.js';
import type { MetricsSources, QueueDepths, WindowedLevels } from './metrics-sources.js';
import type { StreamMetrics } from './stream-metrics.js';

/** Everything since the start, and what there is now, as the admin address shows it under `/totals`. */
export interface Totals {
  readonly connections: {
    readonly active: number;
    readonly accepted: number;
    readonly rejected: Readonly<Record<string, number>>;
    readonly ended: Readonly<Record<string, number>>;
  };
  readonly sessions: {
    readonly active: number;
    readonly opened: number;
    readonly closed: number;
    readonly resumed: number;
    readonly takenOver: number;
    readonly reset: number;
    readonly expired: number;
    readonly evicted: number;
    readonly shed: number;
    readonly endedBy: Readonly<Record<string, number>>;
    readonly windowed: WindowedLevels;
  };
  /** Who came in, who was refused, and what they may. */
  readonly auth: AuthTotals;
  readonly sockets: {
    readonly active: number;
    /** Those of the HTTP address. */
    readonly edge: number;
    readonly accepted: number;
    readonly dropped: number;
    readonly handshakeTimeouts: number;
    readonly handshakeFailures: number;
    readonly pingFloods: number;
  };
  readonly messages: {
    readonly received: number;
    readonly sent: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly acksSent: number;
    readonly gapsSent: number;
  };
  readonly bytes: {
    readonly received: number;
    readonly sent: number;
    readonly buffered: number;
    readonly budget: number;
    readonly budgetExceeded: number;
  };
  readonly flow: { readonly up: FlowTotals; readonly down: FlowTotals };
  readonly errors: {
    readonly receive: Readonly<Record<string, number>>;
    readonly send: Readonly<Record<string, number>>;
    readonly route: number;
    readonly slowConsumers: number;
  };
  readonly throttle: {
    readonly times: number;
    readonly ms: number;
    readonly readsStopped: number;
    readonly readingStoppedMs: number;
  };
  readonly heartbeats: { readonly sent: number; readonly skipped: number; readonly received: number };
  readonly probes: { readonly sent: number; readonly answered: number; readonly failed: number };
  readonly queues: QueueDepths;
  /** Pushes over HTTP, and the sessions that they were for, by what came of it. */
  readonly pushes: {
    readonly underWay: number;
    readonly ended: Readonly<Record<string, number>>;
    readonly sessions: Readonly<Record<string, number>>;
  };
  /** Each that is configured. */
  readonly rateLimits: readonly RateLimitFigures[];
  /** What the options of each configured route hold and have done. */
  readonly routes: readonly RouteOptionFigures[];
  /** A route each that has topics. */
  readonly topics: readonly TopicFigures[];
  readonly upstreams: readonly UpstreamFigures[];
  readonly proxies: readonly ProxyTotals[];
}

/** One direction's account: `admitted = delivered + dropped + pending`. */
export interface FlowTotals {
  readonly admitted: number;
  readonly admittedBytes: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly droppedBy: Readonly<Record<string, number>>;
  readonly pending: number;
}

export function totalsOf(metrics: StreamMetrics, sources: MetricsSources): Totals {
  const { bufferedBytes, budgetBytes } = sources.memory();
  return {
    connections: {
      active: sources.connections(),
      accepted: metrics.connectionsAccepted,
      rejected: Object.fromEntries(metrics.connectionsRejected),
      ended: Object.fromEntries(metrics.connectionsEnded),
    },
    sessions: {
      active: sources.sessions(),
      opened: metrics.sessionsOpened,
      closed: metrics.sessionsClosed,
      resumed: metrics.sessionsResumed,
      takenOver: metrics.sessionsTakenOver,
      reset: metrics.sessionsReset,
      expired: metrics.sessionsExpired,
      evicted: metrics.sessionsEvicted,
      shed: metrics.sessionsShed,
      endedBy: Object.fromEntries(metrics.sessionsEnded),
      windowed: sources.windowed(),
    },
    auth: authTotals(metrics.auth, sources.auth?.()),
    sockets: {
      active: sources.sockets(),
      edge: sources.edgeSockets?.() ?? 0,
      accepted: metrics.socketsAccepted,
      dropped: metrics.socketsDropped,
      handshakeTimeouts: metrics.handshakeTimeouts,
      handshakeFailures: metrics.handshakeFailures,
      pingFloods: metrics.pingFloods,
    },
    messages: {
      received: metrics.messagesReceived,
      sent: metrics.messagesSent,
      refused: Object.fromEntries(metrics.messagesRefused),
      acksSent: metrics.acksSent,
      gapsSent: metrics.gapsSent,
    },
    bytes: {
      received: metrics.bytesReceived,
      sent: metrics.bytesSent,
      buffered: bufferedBytes,
      budget: budgetBytes,
      budgetExceeded: metrics.budgetExceeded,
    },
    flow: { up: flowTotals(metrics.up), down: flowTotals(metrics.down) },
    errors: {
      receive: Object.fromEntries(metrics.receiveErrors),
      send: Object.fromEntries(metrics.sendErrors),
      route: metrics.routeErrors,
      slowConsumers: metrics.slowConsumers,
    },
    throttle: {
      times: metrics.throttledTimes,
      ms: Math.round(metrics.throttledMs),
      readsStopped: metrics.readsStopped,
      readingStoppedMs: Math.round(metrics.readingStoppedMs),
    },
    heartbeats: {
      sent: metrics.heartbeatsSent,
      skipped: metrics.heartbeatsSkipped,
      received: metrics.heartbeatsReceived,
    },
    probes: {
      sent: metrics.probesSent,
      answered: metrics.probesAnswered,
      failed: metrics.probesFailed,
    },
    queues: sources.queues(),
    pushes: {
      underWay: sources.pushes?.() ?? 0,
      ended: Object.fromEntries(metrics.pushes.ended),
      sessions: Object.fromEntries(metrics.pushes.sessions),
    },
    rateLimits: sources.rateLimits?.() ?? [],
    routes: sources.routes?.() ?? [],
    topics: sources.topics?.() ?? [],
    upstreams: sources.upstreams?.() ?? [],
    proxies: proxyTotals(sources),
  };
}

/** An account as plain JSON: its getters are not fields of their own. */
function flowTotals(flow: FlowCounters): FlowTotals {
  return {
    admitted: flow.admitted,
    admittedBytes: flow.admittedBytes,
    delivered: flow.delivered,
    dropped: flow.dropped,
    droppedBy: { ...flow.droppedBy },
    pending: flow.pending,
  };
}
