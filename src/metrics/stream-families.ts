import { CARRIERS } from '../core/carrier.js';
import { PLAIN_ENDINGS } from '../core/connection-end.js';
import { DROP_REASONS, type FlowCounters } from '../core/counters.js';
import { errorCatalogue } from '../core/errors.js';
import { authFamilies, type AuthLimits } from './auth-families.js';
import {
  counter,
  gauge,
  histogramSamples,
  tallied,
  type MetricFamily,
  type Sample,
} from './metric-family.js';
import type { MetricsSources, QueueDepths, WindowedLevels } from './metrics-sources.js';
import { proxyFamilies } from './proxy-families.js';
import type { ProxiesFigures } from './proxy-figures.js';
import { pushFamilies } from './push-families.js';
import { rateLimitFamilies } from './rate-limit-families.js';
import { routeFamilies } from './route-families.js';
import { sessionFamilies, type WindowedLimits } from './session-families.js';
import type { StreamMetrics } from './stream-metrics.js';

/** The bounds that the gauges approach, so that an alert can speak of a share and not of a number. */
export interface MetricsLimits {
  /** `pool.maxConnections` */
  readonly connections: number;
  /** `pool.maxPublishes`; so many pushes as well */
  readonly publishes: number;
  /** `session.max` */
  readonly sessions: number;
  /** `server.maxSockets` */
  readonly sockets: number;
  /** At the HTTP address; left out where there is none. */
  readonly edgeSockets?: number;
  /** Of one connection: `stream.receiveQueueMessages`, `stream.receiveQueueSize`. */
  readonly receiveQueue: QueueLimit;
  /** Of one connection: `stream.sendQueueMessages`, `stream.sendQueueSize`. */
  readonly sendQueue: QueueLimit;
  /** Bytes in flight of one connection: `stream.sendBufferSize`. */
  readonly sendBufferBytes: number;
  /** Of opened sessions. */
  readonly windowed: WindowedLimits;
  /** Of who is calling. */
  readonly auth?: AuthLimits;
}

export interface QueueLimit {
  readonly messages: number;
  readonly bytes: number;
}

const CODES = Object.keys(errorCatalogue);
const NO_PROXIES: ProxiesFigures = { proxies: [], unknownServices: 0 };
const DIRECTIONS = ['up', 'down'] as const;

/** What the gateway counts, under Prometheus' naming conventions. docs/metrics.md lists them all; a test compares. */
export function streamFamilies(
  metrics: StreamMetrics,
  sources: MetricsSources,
  limits: MetricsLimits,
  queues: () => QueueDepths,
  windowed: () => WindowedLevels,
): readonly MetricFamily[] {
  const flow = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    read: (flow: FlowCounters) => number,
  ) => ({
    name,
    type,
    help,
    samples: () =>
      DIRECTIONS.map((direction) => ({ labels: { direction }, value: read(metrics[direction]) })),
  });
  const byQueue = (name: string, help: string, read: () => readonly [receive: number, send: number]) => ({
    name,
    type: 'gauge' as const,
    help,
    samples: () => {
      const [receive, send] = read();
      return [
        { labels: { queue: 'receive' }, value: receive },
        { labels: { queue: 'send' }, value: send },
      ];
    },
  });
  return [
    gauge('sluice_connections', 'Connections registered now.', () => sources.connections()),
    gauge(
      'sluice_connections_limit',
      'Connections that may be registered at once.',
      () => limits.connections,
    ),
    counter(
      'sluice_connections_accepted_total',
      'Streams that became a connection.',
      () => metrics.connectionsAccepted,
    ),
    tallied(
      'sluice_carrier_connections_accepted_total',
      'Streams that became a connection, by what carries them.',
      'carrier',
      CARRIERS,
      () => metrics.connectionsBegun,
    ),
    {
      name: 'sluice_carrier_connections',
      type: 'gauge',
      help: 'Connections registered now, by what carries them.',
      samples: () =>
        CARRIERS.map((carrier) => ({
          labels: { carrier },
          value: (metrics.connectionsBegun.get(carrier) ?? 0) - (metrics.connectionsOver.get(carrier) ?? 0),
        })),
    },
    tallied(
      'sluice_connections_rejected_total',
      'Streams, and requests over HTTP, refused before they became a connection, by catalogue code.',
      'code',
      CODES,
      () => metrics.connectionsRejected,
    ),
    tallied(
      'sluice_connections_ended_total',
      'Connections ended, by catalogue code; OK after a half-close, CANCELLED, LOST and DEADLINE_EXCEEDED by the client.',
      'code',
      [...PLAIN_ENDINGS, ...CODES],
      () => metrics.connectionsEnded,
    ),
    gauge('sluice_sessions', 'Sessions that exist now.', () => sources.sessions()),
    gauge('sluice_sessions_limit', 'Sessions that may exist at once.', () => limits.sessions),
    counter('sluice_sessions_opened_total', 'Sessions opened.', () => metrics.sessionsOpened),
    counter('sluice_sessions_closed_total', 'Sessions closed.', () => metrics.sessionsClosed),
    ...sessionFamilies(metrics, sources, limits.windowed, windowed),
    gauge('sluice_publish_calls', 'Calls of Publish under way.', () => sources.publishes?.().underWay ?? 0),
    gauge('sluice_publish_calls_limit', 'Calls of Publish that may be under way.', () => limits.publishes),
    gauge(
      'sluice_publish_calls_held',
      'Calls of Publish that a subscriber under block holds.',
      () => sources.publishes?.().held ?? 0,
    ),
    ...pushFamilies(metrics.pushes, () => sources.pushes?.() ?? 0, limits.publishes),
    ...routeFamilies(sources),
    ...rateLimitFamilies(sources),
    ...proxyFamilies(() => sources.proxies?.() ?? NO_PROXIES),
    ...authFamilies(metrics.auth, () => sources.auth?.(), limits.auth),
    gauge('sluice_sockets', 'Network connections open now at the gRPC address.', () => sources.sockets()),
    gauge(
      'sluice_sockets_limit',
      'Network connections that may be open at once at the gRPC address.',
      () => limits.sockets,
    ),
    gauge(
      'sluice_edge_sockets',
      'Network connections open now at the HTTP address.',
      () => sources.edgeSockets?.() ?? 0,
    ),
    gauge(
      'sluice_edge_sockets_limit',
      'Network connections that may be open at once at the HTTP address.',
      () => limits.edgeSockets ?? 0,
    ),
    counter(
      'sluice_sockets_accepted_total',
      'Network connections accepted, at the HTTP address too.',
      () => metrics.socketsAccepted,
    ),
    counter(
      'sluice_sockets_dropped_total',
      'Network connections closed at once, over the limit.',
      () => metrics.socketsDropped,
    ),
    counter(
      'sluice_handshake_timeouts_total',
      'Network connections that did not finish their handshake in time.',
      () => metrics.handshakeTimeouts,
    ),
    counter(
      'sluice_handshake_failures_total',
      'Network connections whose handshake was refused: no HTTP/2, no TLS, a bad certificate, or no PROXY protocol header.',
      () => metrics.handshakeFailures,
    ),
    counter(
      'sluice_ping_floods_total',
      'Network connections ended for too many pings.',
      () => metrics.pingFloods,
    ),

    counter(
      'sluice_messages_received_total',
      'Messages received, control included.',
      () => metrics.messagesReceived,
    ),
    counter('sluice_messages_sent_total', 'Messages sent, control included.', () => metrics.messagesSent),
    counter(
      'sluice_received_bytes_total',
      'Encoded bytes received, frames included.',
      () => metrics.bytesReceived,
    ),
    counter('sluice_sent_bytes_total', 'Encoded bytes sent, frames included.', () => metrics.bytesSent),

    flow(
      'sluice_flow_admitted_total',
      'counter',
      'DATA messages admitted: up from clients, down from routes.',
      (f) => f.admitted,
    ),
    flow(
      'sluice_flow_admitted_bytes_total',
      'counter',
      'Bytes of data, key and metadata admitted.',
      (f) => f.admittedBytes,
    ),
    flow(
      'sluice_flow_delivered_total',
      'counter',
      'Admitted messages that arrived: at their route, or at their client.',
      (f) => f.delivered,
    ),
    {
      name: 'sluice_flow_dropped_total',
      type: 'counter',
      help: 'Admitted messages that were given up, by reason.',
      samples: () => DIRECTIONS.flatMap((direction) => droppedSamples(direction, metrics[direction])),
    },
    flow(
      'sluice_flow_pending',
      'gauge',
      'Admitted messages neither delivered nor dropped yet.',
      (f) => f.pending,
    ),

    byQueue('sluice_queue_messages', 'Messages waiting in the queues of all connections.', () => [
      queues().receive.messages,
      queues().send.messages,
    ]),
    byQueue('sluice_queue_bytes', 'Bytes waiting in the queues of all connections.', () => [
      queues().receive.bytes,
      queues().send.bytes,
    ]),
    byQueue('sluice_queue_max_messages', 'Messages in the fullest queue of any connection.', () => [
      queues().receive.maxMessages,
      queues().send.maxMessages,
    ]),
    byQueue('sluice_queue_limit_messages', 'Messages that one connection may have queued.', () => [
      limits.receiveQueue.messages,
      limits.sendQueue.messages,
    ]),
    byQueue('sluice_queue_limit_bytes', 'Bytes that one connection may have queued.', () => [
      limits.receiveQueue.bytes,
      limits.sendQueue.bytes,
    ]),
    gauge(
      'sluice_in_flight_bytes',
      'Bytes handed to the network that it has not taken yet.',
      () => queues().bytesInFlight,
    ),
    gauge(
      'sluice_in_flight_limit_bytes',
      'Bytes that one connection may have in flight.',
      () => limits.sendBufferBytes,
    ),

    tallied(
      'sluice_receive_errors_total',
      'Messages or connections refused on receipt, by catalogue code.',
      'code',
      CODES,
      () => metrics.receiveErrors,
    ),
    tallied(
      'sluice_send_errors_total',
      'Connections ended because sending failed, by catalogue code.',
      'code',
      CODES,
      () => metrics.sendErrors,
    ),
    counter('sluice_route_errors_total', 'Messages that a route failed on.', () => metrics.routeErrors),
    counter(
      'sluice_slow_consumers_total',
      'Connections reset because their peer did not take what was sent.',
      () => metrics.slowConsumers,
    ),
    counter(
      'sluice_reads_stopped_total',
      'Times a full receive queue stopped the reading of a connection.',
      () => metrics.readsStopped,
    ),
    counter(
      'sluice_reading_stopped_seconds_total',
      'Time that the reading was stopped so, summed over connections; a stop counts when it is over.',
      () => metrics.readingStoppedMs / 1_000,
    ),
    counter(
      'sluice_throttled_seconds_total',
      'Time that sends were held by the throttle, summed over connections.',
      () => metrics.throttledMs / 1_000,
    ),
    counter(
      'sluice_throttled_total',
      'Times that a send was held by the throttle.',
      () => metrics.throttledTimes,
    ),

    counter('sluice_heartbeats_sent_total', 'Heartbeats sent.', () => metrics.heartbeatsSent),
    counter(
      'sluice_heartbeats_skipped_total',
      'Heartbeats left out because the send queue was full.',
      () => metrics.heartbeatsSkipped,
    ),
    counter('sluice_heartbeats_received_total', 'Heartbeats received.', () => metrics.heartbeatsReceived),
    counter(
      'sluice_probes_sent_total',
      'Health checks sent to silent connections.',
      () => metrics.probesSent,
    ),
    counter(
      'sluice_probes_answered_total',
      'Health checks that were answered.',
      () => metrics.probesAnswered,
    ),
    counter('sluice_probes_failed_total', 'Connections ended as STALE.', () => metrics.probesFailed),
    {
      name: 'sluice_processing_seconds',
      type: 'histogram',
      help: 'Time from handing a message to its route until the route accepted or failed it.',
      samples: () => histogramSamples('sluice_processing_seconds', metrics.processing),
    },
  ];
}

function droppedSamples(direction: string, flow: FlowCounters): Sample[] {
  return DROP_REASONS.map((reason) => ({ labels: { direction, reason }, value: flow.droppedBy[reason] }));
}
