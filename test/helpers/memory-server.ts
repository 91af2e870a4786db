import type { Logger } from '../../src/core/logger.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import { ConnectionPool } from '../../src/pool/connection-pool.js';
import type { StreamSettings } from '../../src/server/settings.js';
import type { StreamInterceptor } from '../../src/server/stream-interceptor.js';
import { StreamingServer, type WindowedSettings } from '../../src/server/streaming-server.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import type { Route } from '../../src/session/route.js';
import { SessionManager, type SessionManagerOptions } from '../../src/session/session-manager.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { MemoryConnection } from '../../src/transport/memory/memory-connection.js';
import type { Control, DataMessage } from '../../src/wire/messages.js';
import { settings, windowedSettings } from './fake-stream.js';
import { openGate } from './open-gate.js';

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A server over the memory transport whose time the test moves, with one route. */
export function memoryServer(
  route: Route | ((clock: FakeClock) => Route),
  own: Partial<StreamSettings> = {},
  interceptors: readonly StreamInterceptor[] = [],
  limits: Partial<SessionManagerOptions> = {},
  windowed: WindowedSettings = windowedSettings,
  account = new ByteAccount(1 << 30),
  logger: Logger = quiet,
) {
  const clock = new FakeClock();
  const metrics = new StreamMetrics();
  const pool = new ConnectionPool({ maxConnections: 10, maxConnectionsPerClient: 10, retryAfterMs: 0 });
  const sessions = new SessionManager({
    clock,
    maxPerConnection: 128,
    maxPerClient: 128,
    max: 128,
    idleTimeoutMs: 0,
    recent: { maxMessages: 4, maxBytes: 100 },
    retryAfterMs: 0,
    totalUp: metrics.up,
    ...limits,
  });
  const routes = new Map([['test', typeof route === 'function' ? route(clock) : route]]);
  const server = new StreamingServer({
    clock,
    gatekeeper: openGate,
    logger,
    nodeId: 'test',
    pool,
    sessions,
    counters: metrics,
    settings: { ...settings, sendBufferBytes: 64 * 1024, ...own },
    windowed,
    account,
    publishes: { maxPublishes: 6, maxPublishesPerClient: 4 },
    routes,
    defaultRoute: 'test',
    interceptors,
  });
  return { clock, metrics, pool, sessions, server, account, routes };
}

/** A client that reads all it is sent. */
export function readingClient({ server, clock }: Pick<ReturnType<typeof memoryServer>, 'server' | 'clock'>) {
  const client = new MemoryConnection(server.accept, { clock, metadata: { 'x-client-id': 'ann' } });
  const received: DataMessage[] = [];
  const reading = (async () => {
    for await (const message of client) received.push(message);
  })();
  const controls = <A extends Control['action']>(action: A): (Control & { readonly action: A })[] =>
    received.flatMap(({ control }) =>
      control?.action === action ? [control as Control & { action: A }] : [],
    );
  return { client, received, reading, controls };
}
