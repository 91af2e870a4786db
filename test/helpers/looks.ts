/** A gateway's answers, all well, to be changed where a test wants something else. */
import type { Connection, Readiness, Totals } from '../../src/cli/look/answers.js';

export const READY: Readiness = { ready: true, reasons: [] };

export function totals(gateway: Partial<Totals['gateway']> = {}, rest: Partial<Totals> = {}): Totals {
  return {
    gateway: {
      version: '1.2.3',
      nodeId: 'node-1',
      startedAt: '2026-11-21T08:00:00.123Z',
      uptimeMs: 3_600_000,
      addresses: [
        { protocol: 'grpc', address: '0.0.0.0:50051', tls: true },
        { protocol: 'grpc', address: 'unix:/run/sluice.sock', tls: true },
        { protocol: 'http', address: '[::]:8080', tls: false },
      ],
      receiveRate: 12.5,
      sendRate: 8_000,
      slow: {},
      limits: { connections: 5_000, sessions: 100_000, sockets: 6_000, edgeSockets: 6_000 },
      process: {
        pid: 7,
        cpuMs: 1_000,
        loopDelay: { overMs: 5_000, meanMs: 0.1, p50Ms: 0, p99Ms: 2, maxMs: 14 },
        rssBytes: 150 * 1_024 ** 2,
        heapUsedBytes: 80 * 1_024 ** 2,
        heapTotalBytes: 100 * 1_024 ** 2,
      },
      ...gateway,
    },
    connections: { active: 1_203, rejected: {} },
    sessions: { active: 4_210, windowed: { detached: 12 } },
    sockets: { active: 1_210, edge: 310 },
    messages: { received: 1_000, sent: 2_000 },
    bytes: { buffered: 12 * 1_024 ** 2, budget: 1_024 ** 3 },
    flow: { up: { dropped: 0 }, down: { dropped: 0 } },
    errors: { route: 0, slowConsumers: 0 },
    queues: {
      receive: { messages: 12, bytes: 1_200, maxMessages: 7 },
      send: { messages: 340, bytes: 34_000, maxMessages: 256 },
      bytesInFlight: 1_258_291,
    },
    upstreams: [],
    proxies: [],
    ...rest,
  };
}

export function connection(shown: Partial<Connection> = {}): Connection {
  return {
    id: 'c-1',
    clientId: 'alice',
    peer: '10.0.0.1:50123',
    state: 'open',
    ageMs: 7_200_000,
    idleMs: 1_500,
    sessions: 3,
    receiveQueue: { messages: 0, bytes: 0, capacity: 512 },
    sendQueue: { messages: 0, bytes: 0, capacity: 512 },
    bytesInFlight: 0,
    receiveRate: 0.4,
    sendRate: 12_345,
    slowBecause: null,
    ...shown,
  };
}
