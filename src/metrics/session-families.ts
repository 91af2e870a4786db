import { REFUSAL_REASONS } from '../core/counters.js';
import { errorCatalogue } from '../core/errors.js';
import { counter, gauge, tallied, type MetricFamily } from './metric-family.js';
import type { Level, MetricsSources, WindowedLevels } from './metrics-sources.js';
import type { StreamMetrics } from './stream-metrics.js';

/** The bounds of opened sessions. */
export interface WindowedLimits {
  /** `session.maxDetached` */
  readonly detached: number;
  /** `session.maxDetachedSize` */
  readonly detachedBytes: number;
  /** `session.maxEnded` */
  readonly ended: number;
  /** `session.maxEndedSize` */
  readonly endedBytes: number;
  /** Of one session: `session.maxWindowMessages`, `session.maxWindowSize`. */
  readonly inFlight: Level;
  /** Of one session: `session.waitingMessages`, `session.waitingSize`. */
  readonly waiting: Level;
  /** Of one session: `session.windowMessages`, `session.windowSize`. */
  readonly unhandled: Level;
}

/** The places where an opened session holds messages. Values of the label `held`. */
const PLACES = [
  ['in-flight', 'inFlight'],
  ['waiting', 'waiting'],
  ['unhandled', 'unhandled'],
] as const;
type ByPlace = Readonly<Record<(typeof PLACES)[number][1], Level>>;

/** Opened sessions and the account of buffered bytes, under Prometheus' naming conventions. */
export function sessionFamilies(
  metrics: StreamMetrics,
  sources: MetricsSources,
  limits: WindowedLimits | undefined,
  windowed: () => WindowedLevels,
): readonly MetricFamily[] {
  return [
    ...events(metrics),
    gauge(
      'sluice_sessions_windowed',
      'Opened sessions now, detached ones included.',
      () => windowed().sessions,
    ),
    gauge(
      'sluice_sessions_detached',
      'Opened sessions that wait for their client.',
      () => windowed().detached,
    ),
    gauge(
      'sluice_sessions_detached_bytes',
      'Bytes that detached sessions hold.',
      () => windowed().detachedBytes,
    ),
    gauge('sluice_session_records', 'Records of sessions that have ended.', () => windowed().ended),
    gauge('sluice_session_records_bytes', 'Bytes of these records.', () => windowed().endedBytes),
    byPlace('sluice_session_messages', 'Messages held by opened sessions.', 'messages', windowed),
    byPlace('sluice_session_bytes', 'Bytes held by opened sessions.', 'bytes', windowed),
    {
      name: 'sluice_session_max_messages',
      type: 'gauge',
      help: 'Messages held by the opened session that has the most.',
      samples: () => {
        const { most } = windowed();
        return PLACES.map(([held, place]) => ({ labels: { held }, value: most[place] }));
      },
    },
    ...(limits === undefined ? [] : limitFamilies(limits)),
    gauge(
      'sluice_buffered_bytes',
      'Bytes held in all queues and sessions together.',
      () => sources.memory().bufferedBytes,
    ),
    gauge(
      'sluice_buffered_limit_bytes',
      'Bytes that all queues and sessions may hold together.',
      () => sources.memory().budgetBytes,
    ),
    counter(
      'sluice_budget_exceeded_total',
      'Times the buffered bytes rose over their budget.',
      () => metrics.budgetExceeded,
    ),
  ];
}

function limitFamilies(limits: WindowedLimits): readonly MetricFamily[] {
  return [
    gauge('sluice_sessions_detached_limit', 'Sessions that may be detached at once.', () => limits.detached),
    gauge(
      'sluice_sessions_detached_limit_bytes',
      'Bytes that detached sessions may hold.',
      () => limits.detachedBytes,
    ),
    gauge('sluice_session_records_limit', 'Records of ended sessions that are kept.', () => limits.ended),
    gauge('sluice_session_records_limit_bytes', 'Bytes that these may have.', () => limits.endedBytes),
    byPlace(
      'sluice_session_limit_messages',
      'Messages that one opened session may hold.',
      'messages',
      () => limits,
    ),
    byPlace('sluice_session_limit_bytes', 'Bytes that one opened session may hold.', 'bytes', () => limits),
  ];
}

function events(metrics: StreamMetrics): readonly MetricFamily[] {
  return [
    counter(
      'sluice_sessions_resumed_total',
      'Opened sessions that went on with a new attachment.',
      () => metrics.sessionsResumed,
    ),
    counter(
      'sluice_sessions_taken_over_total',
      'Resumes that took the session from a connection that still held it.',
      () => metrics.sessionsTakenOver,
    ),
    counter(
      'sluice_sessions_reset_total',
      'Resumes of sessions that were not held any more.',
      () => metrics.sessionsReset,
    ),
    counter(
      'sluice_sessions_expired_total',
      'Detached sessions that nobody resumed in time.',
      () => metrics.sessionsExpired,
    ),
    counter(
      'sluice_sessions_evicted_total',
      'Detached sessions ended to keep within their limits.',
      () => metrics.sessionsEvicted,
    ),
    counter(
      'sluice_sessions_shed_total',
      'Sessions ended as OVERLOADED, over the budget of buffered bytes.',
      () => metrics.sessionsShed,
    ),
    tallied(
      'sluice_sessions_ended_total',
      'Opened sessions that the gateway ended with an error, by catalogue code.',
      'code',
      Object.keys(errorCatalogue),
      () => metrics.sessionsEnded,
    ),
    tallied(
      'sluice_messages_refused_total',
      'Messages of opened sessions that were not admitted, by reason.',
      'reason',
      REFUSAL_REASONS,
      () => metrics.messagesRefused,
    ),
    counter('sluice_gaps_sent_total', 'Gaps sent: ranges of lost messages.', () => metrics.gapsSent),
    counter(
      'sluice_acks_sent_total',
      'Acknowledgements sent as messages of their own.',
      () => metrics.acksSent,
    ),
  ];
}

function byPlace(name: string, help: string, of: keyof Level, read: () => ByPlace): MetricFamily {
  return {
    name,
    type: 'gauge',
    help,
    samples: () => {
      const places = read();
      return PLACES.map(([held, place]) => ({ labels: { held }, value: places[place][of] }));
    },
  };
}
