import type {
  AuthLevels,
  MetricsSources,
  QueueDepths,
  WindowedLevels,
} from '../../../src/metrics/metrics-sources.js';
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
};

export const AUTH: AuthLevels = {
  unidentified: 17,
  failingAddresses: 18,
  revocations: 19,
  jwks: { fetches: { ok: 22, failed: 23 }, ageMs: 20_500 },
  calloutBreakerOpen: true,
};

export const SOURCES: MetricsSources = {
  upstreams: () => [
    {
      name: 'orders',
      addresses: [
        {
          address: 'a:1',
          breaker: 'half-open',
          available: false,
          sessions: 3,
          streamsOpened: 5,
          streamsLost: 2,
        },
      ],
      waiting: 7,
      messagesRepeated: 11,
      messagesUnavailable: 13,
      messagesGivenUp: 17,
      messagesRefused: 19,
      ackTimeouts: 23,
      offences: 29,
    },
  ],
  connections: () => 3,
  sessions: () => 4,
  sockets: () => 5,
  queues: () => QUEUES,
  windowed: () => WINDOWED,
  memory: () => ({ bufferedBytes: 16_000, budgetBytes: 17_000 }),
  auth: () => AUTH,
};

export const LIMITS: MetricsLimits = {
  connections: 5_000,
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
