import type {
  AuthLevels,
  MetricsSources,
  QueueDepths,
  WindowedLevels,
} from '../../../src/metrics/metrics-sources.js';
import type {
  RouteOptionFigures,
  TopicFigures,
  UpstreamFigures,
} from '../../../src/metrics/route-figures.js';
import { CALL_BOUNDS_MS, type ProxyFigures } from '../../../src/metrics/proxy-figures.js';
import { TimeHistogram } from '../../../src/metrics/time-histogram.js';
import type { MetricsLimits } from '../../../src/metrics/stream-families.js';

export const QUEUES: QueueDepths = {
  receive: { messages: 7, bytes: 700, maxMessages: 5 },
  send: { messages: 90, bytes: 9_000, maxMessages: 60 },
  bytesInFlight: 4_096,
};

export const WINDOWED: WindowedLevels = {
  sessions: 40,
  detached: 11,
  detachedBytes: 1_100,
  ended: 12,
  endedBytes: 1_200,
  inFlight: { messages: 13, bytes: 1_300 },
  waiting: { messages: 14, bytes: 1_400 },
  unhandled: { messages: 15, bytes: 1_500 },
  most: { inFlight: 3, waiting: 4, unhandled: 5 },
};

export const AUTH: AuthLevels = {
  unidentified: 17,
  failingAddresses: 18,
  revocations: 19,
  jwks: { fetches: { ok: 22, failed: 23 }, ageMs: 20_500 },
  calloutBreakerOpen: true,
};

const ROUTE: RouteOptionFigures = {
  route: 'orders',
  sessions: 71,
  sessionsRefused: 72,
  messagesTooLarge: 73,
  timeouts: 74,
  retries: 75,
  retrying: 76,
  failedAfterAcknowledged: 77,
  deadLettered: 78,
  deadLetterFailures: 79,
};

const TOPICS: TopicFigures = {
  route: 'rooms',
  topics: 31,
  subscribers: 32,
  historyMessages: 33,
  historyBytes: 34,
  idempotencyKeys: 35,
  waitingPublishes: 36,
  waitingPublishBytes: 37,
  queuedMessages: 63,
  queuedBytes: 64,
  queueDropped: 65,
  published: 38,
  publishedBytes: 39,
  duplicates: 41,
  delivered: 42,
  held: 43,
  tooSlow: 44,
  topicsRefused: 45,
  subscribersRefused: 46,
  publishesRefused: 47,
};

const UPSTREAM: UpstreamFigures = {
  name: 'team',
  addresses: [
    {
      address: 'one:1',
      available: true,
      down: false,
      health: 'serving',
      breaker: 'closed',
      sessions: 51,
      streamsOpened: 52,
      streamsLost: 53,
    },
    {
      address: 'two:2',
      available: false,
      down: true,
      health: 'unreachable',
      breaker: 'open',
      sessions: 0,
      streamsOpened: 54,
      streamsLost: 55,
    },
  ],
  waiting: 56,
  messagesRepeated: 57,
  messagesUnavailable: 58,
  messagesGivenUp: 59,
  messagesRefused: 60,
  ackTimeouts: 61,
  offences: 62,
};

const DURATIONS = new TimeHistogram(CALL_BOUNDS_MS);
DURATIONS.observe(20);

const PROXY: ProxyFigures = {
  name: 'stock',
  calls: 91,
  heldUpBytes: 92,
  heldDownBytes: 93,
  refused: new Map([['CALL_LIMIT', 94]]),
  durations: DURATIONS,
  methods: [
    {
      method: 'stock.StockService/GetUpdates',
      open: 95,
      ended: new Map([['UNAVAILABLE', 96]]),
      messagesUp: 97,
      messagesDown: 98,
      bytesUp: 99,
      bytesDown: 101,
      pausesUp: 102,
      pausesDown: 103,
      retries: 104,
    },
  ],
};

export const SOURCES: MetricsSources = {
  connections: () => 3,
  sessions: () => 4,
  sockets: () => 5,
  edgeSockets: () => 9,
  queues: () => QUEUES,
  windowed: () => WINDOWED,
  memory: () => ({ bufferedBytes: 16_000, budgetBytes: 17_000 }),
  publishes: () => ({ underWay: 81, held: 82 }),
  pushes: () => 83,
  routes: () => [ROUTE],
  topics: () => [TOPICS],
  upstreams: () => [UPSTREAM],
  rateLimits: () => [
    {
      limit: 'perClient',
      allowed: 1,
      delayed: 2,
      refused: 3,
      delayedMs: 4,
      waiting: 5,
      keys: 6,
      maxKeys: 7,
      shared: 8,
    },
  ],
  proxies: () => ({ proxies: [PROXY], unknownServices: 105 }),
  auth: () => AUTH,
};

export const LIMITS: MetricsLimits = {
  connections: 5_000,
  publishes: 1_000,
  sessions: 100_000,
  sockets: 6_000,
  receiveQueue: { messages: 512, bytes: 2_097_152 },
  sendQueue: { messages: 256, bytes: 1_048_576 },
  sendBufferBytes: 65_536,
  windowed: {
    detached: 10_000,
    detachedBytes: 268_435_456,
    ended: 20_000,
    endedBytes: 16_777_216,
    inFlight: { messages: 4_096, bytes: 16_777_216 },
    waiting: { messages: 512, bytes: 2_097_152 },
    unhandled: { messages: 256, bytes: 1_048_576 },
  },
  auth: { unidentified: 1_000, failingAddresses: 10_000, revocations: 100_000 },
};
