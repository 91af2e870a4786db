import type { MetricsSources, QueueDepths } from '../../../src/metrics/metrics-sources.js';
import type { MetricsLimits } from '../../../src/metrics/stream-families.js';

export const QUEUES: QueueDepths = {
  receive: { messages: 7, bytes: 700, maxMessages: 5 },
  send: { messages: 90, bytes: 9_000, maxMessages: 60 },
  bytesInFlight: 4_096,
};

export const SOURCES: MetricsSources = {
  connections: () => 3,
  sessions: () => 4,
  sockets: () => 5,
  queues: () => QUEUES,
};

export const LIMITS: MetricsLimits = {
  connections: 5_000,
  sessions: 100_000,
  sockets: 6_000,
  receiveQueue: { messages: 512, bytes: 2_097_152 },
  sendQueue: { messages: 256, bytes: 1_048_576 },
  sendBufferBytes: 65_536,
};
