import type { Logger } from '../../../src/core/logger.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import { StreamMetrics } from '../../../src/metrics/stream-metrics.js';
import { ConnectionPool } from '../../../src/pool/connection-pool.js';
import { StreamingServer } from '../../../src/server/streaming-server.js';
import type { RouteHandler } from '../../../src/session/route.js';
import { SessionManager } from '../../../src/session/session-manager.js';
import type { WindowedSession } from '../../../src/session/windowed/windowed-session.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { settings } from '../../helpers/fake-stream.js';
import type { WorldOptions } from './contract.js';
import { SEND_BUFFER_BYTES } from './held-stream.js';
import { FAILURE, routeOf } from './real-route.js';
import type { Size } from './window.js';
import { openGate } from '../../helpers/open-gate.js';

export const BUDGET_BYTES = 1 << 20;
const FOREVER_MS = 1e9;
const RECENT = { maxMessages: 4, maxBytes: 100 };

/** A server with one route, and all that it stands on, under the limits of a World. */
export function realServer(options: WorldOptions, open: (session: WindowedSession) => RouteHandler) {
  const { shedAfterMs, ackDelayMs, resumeWindowMs, waitingBound, maxPayloadBytes } = options;
  const clock = new FakeClock({ startMs: 0 });
  const metrics = new StreamMetrics();
  const account = new ByteAccount(BUDGET_BYTES);
  /** What the next attachments are granted. */
  const windows: { granted: Size } = { granted: options.upWindow };
  /** What the log was told that nothing in a run should have led to. */
  const faults: Error[] = [];
  const pool = new ConnectionPool({ maxConnections: 1e9, maxConnectionsPerClient: 1e9, retryAfterMs: 0 });
  const sessions = new SessionManager({
    clock,
    ...{ maxPerConnection: 10, maxPerClient: 10, max: 10, idleTimeoutMs: 0, retryAfterMs: 0 },
    recent: RECENT,
    totalUp: metrics.up,
  });
  const server = new StreamingServer({
    clock,
    gatekeeper: openGate,
    logger: faultLogger(faults),
    nodeId: 'model',
    pool,
    sessions,
    counters: metrics,
    settings: {
      ...settings,
      // The World's network has a liveness of its own.
      ...{ firstMessageTimeoutMs: 0, receiveTimeoutMs: 0, heartbeatIntervalMs: 0, sendTimeoutMs: FOREVER_MS },
      ...{ sendBufferBytes: SEND_BUFFER_BYTES, maxControlAnswers: 3, drainQuietMs: 20 },
      ...{ ackDelayMs, shedAfterMs, resumeWindowMs },
    },
    windowed: {
      limits: {
        get window() {
          return windows.granted;
        },
        maxWindow: { messages: 1_000, bytes: 1 << 20 },
        waiting: waitingBound,
        maxPayloadBytes,
        maxMessageBytes: settings.maxMessageBytes,
        resumeWindowMs,
        recent: RECENT,
      },
      maxDetached: 1,
      maxDetachedBytes: 1 << 20,
      ended: { max: 100, maxPerClient: 100, maxBytes: 1 << 16 },
    },
    account,
    routes: new Map([['model', routeOf(options, open)]]),
    defaultRoute: 'model',
    publishes: { maxPublishes: 1_000, maxPublishesPerClient: 256 },
    interceptors: [],
  });
  return { clock, metrics, account, windows, faults, pool, sessions, server };
}

/** What a route throws is logged, and else forgotten: that of a check of ours must not be. */
function faultLogger(faults: Error[]): Logger {
  const log = (fields: object): void => {
    if (!('err' in fields) || fields.err === FAILURE) return;
    faults.push(fields.err instanceof Error ? fields.err : new Error('a fault', { cause: fields.err }));
  };
  return { debug: log, info: log, warn: log, error: log };
}
