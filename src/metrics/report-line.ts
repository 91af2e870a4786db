import { DROP_REASONS } from '../core/counters.js';
import { ATTEMPT_METHODS, type AuthCounts } from './auth-counts.js';
import type { LoopDelay } from './event-loop-delay.js';
import type { MetricsSources } from './metrics-sources.js';
import { proxySums, type ProxySums } from './proxy-totals.js';
import type { StreamMetrics } from './stream-metrics.js';
import type { TimeHistogram } from './time-histogram.js';

/** The counters as they stood when a line was written. */
export interface Reading {
  readonly atMs: number;
  readonly numbers: Readonly<Record<CounterName, number>>;
  readonly rejected: ReadonlyMap<string, number>;
  readonly ended: ReadonlyMap<string, number>;
  readonly sessionsEnded: ReadonlyMap<string, number>;
  readonly receiveErrors: ReadonlyMap<string, number>;
  readonly sendErrors: ReadonlyMap<string, number>;
  /** By direction and reason, `down.overflow`. */
  readonly dropped: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  /** Who was not let in, or not let do something: `jwt.TOKEN_EXPIRED`, `slowed`, `open.denied`. */
  readonly authRefused: ReadonlyMap<string, number>;
  readonly processing: TimeHistogram;
  readonly routes: Readonly<RouteCounts>;
  /** Undefined where no proxy is configured. */
  readonly proxies: ProxySums | undefined;
  /** Undefined where no rate limit is configured. */
  readonly rateLimits: RateLimitSums | undefined;
}

/** What rate limits have done, each by its name. */
interface RateLimitSums {
  readonly delayed: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  /** Held now, by all of them. */
  readonly waiting: number;
}

const COUNTERS = [
  'connectionsAccepted',
  'sessionsOpened',
  'sessionsClosed',
  'sessionsResumed',
  'sessionsReset',
  'sessionsExpired',
  'sessionsEvicted',
  'sessionsShed',
  'messagesReceived',
  'messagesSent',
  'bytesReceived',
  'bytesSent',
  'gapsSent',
  'routeErrors',
  'heartbeatsSent',
  'heartbeatsSkipped',
  'heartbeatsReceived',
  'probesSent',
  'probesAnswered',
  'probesFailed',
  'slowConsumers',
  'throttledMs',
  'throttledTimes',
  'readsStopped',
  'budgetExceeded',
  'socketsAccepted',
  'socketsDropped',
  'handshakeTimeouts',
  'handshakeFailures',
  'pingFloods',
] as const satisfies readonly (keyof StreamMetrics)[];
type CounterName = (typeof COUNTERS)[number];

/** What stands behind the routes, all of it together. */
interface RouteCounts {
  topicPublished: number;
  topicDelivered: number;
  topicHeld: number;
  upstreamLost: number;
  upstreamRepeated: number;
  upstreamFailed: number;
}

function readRoutes(sources: MetricsSources): RouteCounts {
  const read: RouteCounts = {
    topicPublished: 0,
    topicDelivered: 0,
    topicHeld: 0,
    upstreamLost: 0,
    upstreamRepeated: 0,
    upstreamFailed: 0,
  };
  for (const { published, delivered, held } of sources.topics?.() ?? []) {
    read.topicPublished += published;
    read.topicDelivered += delivered;
    read.topicHeld += held;
  }
  for (const upstream of sources.upstreams?.() ?? []) {
    read.upstreamRepeated += upstream.messagesRepeated;
    read.upstreamFailed += upstream.messagesUnavailable + upstream.messagesGivenUp + upstream.messagesRefused;
    for (const { streamsLost } of upstream.addresses) read.upstreamLost += streamsLost;
  }
  return read;
}

export function readCounters(metrics: StreamMetrics, sources: MetricsSources, atMs: number): Reading {
  const numbers = {} as Record<CounterName, number>;
  for (const name of COUNTERS) numbers[name] = metrics[name];
  const dropped = new Map<string, number>();
  for (const direction of ['up', 'down'] as const) {
    for (const reason of DROP_REASONS) {
      dropped.set(`${direction}.${reason}`, metrics[direction].droppedBy[reason]);
    }
  }
  return {
    atMs,
    numbers,
    rejected: new Map(metrics.connectionsRejected),
    ended: new Map(metrics.connectionsEnded),
    sessionsEnded: new Map(metrics.sessionsEnded),
    receiveErrors: new Map(metrics.receiveErrors),
    sendErrors: new Map(metrics.sendErrors),
    dropped,
    refused: new Map(metrics.messagesRefused),
    authRefused: authRefusals(metrics.auth),
    processing: metrics.processing.snapshot(),
    routes: readRoutes(sources),
    proxies: proxySums(sources),
    rateLimits: rateLimitSums(sources),
  };
}

/** All that was refused to somebody for who they are. */
function authRefusals(counts: AuthCounts): ReadonlyMap<string, number> {
  const refusals = new Map([['slowed', counts.attemptsSlowed]]);
  for (const method of ATTEMPT_METHODS) {
    for (const [result, count] of counts.attempts[method]) {
      if (result !== 'ok') refusals.set(`${method}.${result}`, count);
    }
  }
  for (const [action, count] of counts.denied) refusals.set(`${action}.denied`, count);
  return refusals;
}

function rateLimitSums(sources: MetricsSources): RateLimitSums | undefined {
  const limits = sources.rateLimits?.() ?? [];
  if (limits.length === 0) return undefined;
  return {
    delayed: new Map(limits.map(({ limit, delayed }) => [limit, delayed])),
    refused: new Map(limits.map(({ limit, refused }) => [limit, refused])),
    waiting: limits.reduce((all, { waiting }) => all + waiting, 0),
  };
}

/** Resident, heap and external memory of the process, in bytes, as `process.memoryUsage` tells them. */
export interface MemoryUse {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

const MIB = 1024 * 1024;

/**
 * The line: always the same keys in the same order (those of proxies and rate limits
 * where there are any), all of them numbers or short texts. Without a suffix a key means "now" or "since the last line";
 * `…Total` is since the start, `…PerSec` a rate since the last line.
 * docs/metrics.md says what each is for.
 */
export function reportLine(
  before: Reading,
  after: Reading,
  metrics: StreamMetrics,
  sources: MetricsSources,
  loop: LoopDelay,
  memory: MemoryUse,
): Record<string, number | string> {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const since = (name: CounterName): number => after.numbers[name] - before.numbers[name];
  const perSec = (name: CounterName): number => (seconds > 0 ? rounded(since(name) / seconds) : 0);
  const behind = (name: keyof RouteCounts): number => after.routes[name] - before.routes[name];
  const levels = routeLevels(sources);
  const rejected = difference(before.rejected, after.rejected);
  const ended = difference(before.ended, after.ended);
  const sessionsEnded = difference(before.sessionsEnded, after.sessionsEnded);
  const receiveErrors = difference(before.receiveErrors, after.receiveErrors);
  const sendErrors = difference(before.sendErrors, after.sendErrors);
  const dropped = difference(before.dropped, after.dropped);
  const processing = after.processing.since(before.processing);
  const refused = difference(before.refused, after.refused);
  const authRefused = difference(before.authRefused, after.authRefused);
  const lost = lostSessions(since);
  const queues = sources.queues();
  const windowed = sources.windowed();
  const edgeSockets = sources.edgeSockets?.();
  return {
    seconds: rounded(seconds),
    connections: sources.connections(),
    accepted: since('connectionsAccepted'),
    rejected: sum(rejected),
    rejectedBy: listed(rejected),
    authRefused: sum(authRefused),
    authRefusedBy: listed(authRefused),
    ended: sum(ended),
    endedBy: listed(ended),
    sessions: sources.sessions(),
    sessionsOpened: since('sessionsOpened'),
    sessionsClosed: since('sessionsClosed'),
    sessionsResumed: since('sessionsResumed'),
    sessionsLost: sum(lost),
    sessionsLostBy: listed(lost),
    sessionsEnded: sum(sessionsEnded),
    sessionsEndedBy: listed(sessionsEnded),
    sessionsReset: since('sessionsReset'),
    detached: windowed.detached,
    detachedBytes: windowed.detachedBytes,
    sockets: sources.sockets(),
    ...(edgeSockets !== undefined && { edgeSockets }),
    socketsDropped: since('socketsDropped'),
    handshakeTimeouts: since('handshakeTimeouts'),
    handshakeFailures: since('handshakeFailures'),
    pingFloods: since('pingFloods'),
    inPerSec: perSec('messagesReceived'),
    outPerSec: perSec('messagesSent'),
    inBytesPerSec: perSec('bytesReceived'),
    outBytesPerSec: perSec('bytesSent'),
    upPending: metrics.up.pending,
    downPending: metrics.down.pending,
    dropped: sum(dropped),
    droppedBy: listed(dropped),
    gaps: since('gapsSent'),
    refused: sum(refused),
    refusedBy: listed(refused),
    receiveErrors: sum(receiveErrors),
    receiveErrorsBy: listed(receiveErrors),
    sendErrors: sum(sendErrors),
    sendErrorsBy: listed(sendErrors),
    routeErrors: since('routeErrors'),
    topics: levels.topics,
    topicSubscribers: levels.topicSubscribers,
    topicPublished: behind('topicPublished'),
    topicDelivered: behind('topicDelivered'),
    topicHeld: behind('topicHeld'),
    upstreamSessions: levels.upstreamSessions,
    upstreamWaiting: levels.upstreamWaiting,
    upstreamDown: levels.upstreamDown,
    upstreamLost: behind('upstreamLost'),
    upstreamRepeated: behind('upstreamRepeated'),
    upstreamFailed: behind('upstreamFailed'),
    ...(after.proxies !== undefined && proxyPart(before.proxies, after.proxies, seconds)),
    ...(after.rateLimits !== undefined && rateLimitPart(before.rateLimits, after.rateLimits)),
    receiveQueue: queues.receive.messages,
    receiveQueueBytes: queues.receive.bytes,
    receiveQueueMax: queues.receive.maxMessages,
    sendQueue: queues.send.messages,
    sendQueueBytes: queues.send.bytes,
    sendQueueMax: queues.send.maxMessages,
    inFlightBytes: queues.bytesInFlight,
    unacknowledged: windowed.inFlight.messages,
    bufferedBytes: sources.memory().bufferedBytes,
    budgetExceeded: since('budgetExceeded'),
    slowConsumers: since('slowConsumers'),
    readsStopped: since('readsStopped'),
    throttledMs: rounded(since('throttledMs')),
    throttled: since('throttledTimes'),
    heartbeatsSent: since('heartbeatsSent'),
    heartbeatsSkipped: since('heartbeatsSkipped'),
    heartbeatsReceived: since('heartbeatsReceived'),
    probesSent: since('probesSent'),
    probesAnswered: since('probesAnswered'),
    probesFailed: since('probesFailed'),
    processMeanMs: rounded(processing.meanMs),
    processP50Ms: rounded(processing.quantileMs(0.5)),
    processP99Ms: rounded(processing.quantileMs(0.99)),
    loopMeanMs: rounded(loop.meanMs),
    loopP99Ms: rounded(loop.p99Ms),
    loopMaxMs: rounded(loop.maxMs),
    rssMiB: rounded(memory.rss / MIB),
    heapMiB: rounded(memory.heapUsed / MIB),
    externalMiB: rounded(memory.external / MIB),
    acceptedTotal: after.numbers.connectionsAccepted,
    rejectedTotal: sum(after.rejected),
    endedTotal: sum(after.ended),
    sessionsTotal: after.numbers.sessionsOpened,
    inTotal: after.numbers.messagesReceived,
    outTotal: after.numbers.messagesSent,
    inBytesTotal: after.numbers.bytesReceived,
    outBytesTotal: after.numbers.bytesSent,
    droppedTotal: sum(after.dropped),
  };
}

/** What was passed on to other people's services. */
function proxyPart(
  before: ProxySums | undefined,
  after: ProxySums,
  seconds: number,
): Record<string, number | string> {
  const perSec = (name: 'messagesUp' | 'messagesDown' | 'bytesUp' | 'bytesDown'): number =>
    seconds > 0 ? rounded((after[name] - (before?.[name] ?? 0)) / seconds) : 0;
  const ended = difference(before?.ended ?? new Map(), after.ended);
  const refused = difference(before?.refused ?? new Map(), after.refused);
  return {
    proxyCalls: after.calls,
    proxyEnded: sum(ended),
    proxyEndedBy: listed(ended),
    proxyRefused: sum(refused),
    proxyRefusedBy: listed(refused),
    proxyInPerSec: perSec('messagesUp'),
    proxyOutPerSec: perSec('messagesDown'),
    proxyInBytesPerSec: perSec('bytesUp'),
    proxyOutBytesPerSec: perSec('bytesDown'),
    proxyHeldBytes: after.heldBytes,
    proxyPauses: after.pauses - (before?.pauses ?? 0),
    proxyRetries: after.retries - (before?.retries ?? 0),
  };
}

/** Whom rate limits have held back, or refused. */
function rateLimitPart(
  before: RateLimitSums | undefined,
  after: RateLimitSums,
): Record<string, number | string> {
  const delayed = difference(before?.delayed ?? new Map(), after.delayed);
  const refused = difference(before?.refused ?? new Map(), after.refused);
  return {
    rateDelayed: sum(delayed),
    rateDelayedBy: listed(delayed),
    rateRefused: sum(refused),
    rateRefusedBy: listed(refused),
    rateWaiting: after.waiting,
  };
}

function routeLevels(sources: MetricsSources) {
  const levels = { topics: 0, topicSubscribers: 0, upstreamSessions: 0, upstreamWaiting: 0, upstreamDown: 0 };
  for (const { topics, subscribers } of sources.topics?.() ?? []) {
    levels.topics += topics;
    levels.topicSubscribers += subscribers;
  }
  for (const { addresses, waiting } of sources.upstreams?.() ?? []) {
    levels.upstreamWaiting += waiting;
    for (const backend of addresses) {
      levels.upstreamSessions += backend.sessions;
      if (backend.down) levels.upstreamDown += 1;
    }
  }
  return levels;
}

/** Sessions that the gateway ended without being asked to, by what it did, those alone that there were. */
function lostSessions(since: (name: CounterName) => number): ReadonlyMap<string, number> {
  const all = [
    ['evicted', since('sessionsEvicted')],
    ['expired', since('sessionsExpired')],
    ['shed', since('sessionsShed')],
  ] as const;
  return new Map(all.filter(([, count]) => count !== 0));
}

/** Tallies that rose, and by how much. */
function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const rose = new Map<string, number>();
  for (const [key, count] of after) {
    const by = count - (before.get(key) ?? 0);
    if (by !== 0) rose.set(key, by);
  }
  return rose;
}

function sum(tallies: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of tallies.values()) total += count;
  return total;
}

/** `CLIENT_LIMIT=2 CONNECTION_LIMIT=40`: one text, so that the keys of the line never change. */
function listed(tallies: ReadonlyMap<string, number>): string {
  return [...tallies]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, count]) => `${key}=${count}`)
    .join(' ');
}

/** Three digits behind the point: microseconds for times, enough for rates. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
