import { CommandError } from '../frame/command-error.js';
import { each, flag, list, number, object, text, textOrNull, type Guarded } from '../frame/guards.js';
import type { AdminAnswer } from './admin-client.js';

const flow = object({ dropped: number });
const queueDepth = object({ messages: number, bytes: number, maxMessages: number });
const queue = object({ messages: number, bytes: number, capacity: number });

/** What of docs/admin.md the commands read. A later gateway may say more. */
const totals = object({
  gateway: object({
    version: text,
    nodeId: text,
    startedAt: text,
    uptimeMs: number,
    addresses: list(object({ protocol: text, address: text, tls: flag })),
    receiveRate: number,
    sendRate: number,
    slow: each(number),
    limits: object({ connections: number, sessions: number, sockets: number, edgeSockets: number }),
    process: object({
      pid: number,
      cpuMs: number,
      loopDelay: object({ overMs: number, meanMs: number, p50Ms: number, p99Ms: number, maxMs: number }),
      rssBytes: number,
      heapUsedBytes: number,
      heapTotalBytes: number,
    }),
  }),
  connections: object({ active: number, rejected: each(number) }),
  sessions: object({ active: number, windowed: object({ detached: number }) }),
  sockets: object({ active: number, edge: number }),
  messages: object({ received: number, sent: number }),
  bytes: object({ buffered: number, budget: number }),
  flow: object({ up: flow, down: flow }),
  errors: object({ route: number, slowConsumers: number }),
  queues: object({ receive: queueDepth, send: queueDepth, bytesInFlight: number }),
  upstreams: list(
    object({
      name: text,
      waiting: number,
      addresses: list(object({ address: text, down: flag, health: text, breaker: text })),
    }),
  ),
  proxies: list(
    object({
      name: text,
      calls: number,
      refused: each(number),
      methods: list(object({ method: text, open: number, ended: each(number) })),
    }),
  ),
});

const readiness = object({ ready: flag, reasons: list(text) });

const connection = object({
  id: text,
  clientId: text,
  peer: text,
  state: text,
  ageMs: number,
  idleMs: number,
  sessions: number,
  receiveQueue: queue,
  sendQueue: queue,
  bytesInFlight: number,
  receiveRate: number,
  sendRate: number,
  slowBecause: textOrNull,
});

const connectionPage = object({ connections: list(connection), total: number });

export type Totals = Guarded<typeof totals>;
export type Readiness = Guarded<typeof readiness>;
export type Queue = Guarded<typeof queue>;
export type Connection = Guarded<typeof connection>;
export type ConnectionPage = Guarded<typeof connectionPage>;

/** Throws a `CommandError` for what no gateway answers. */
export function readinessOf(address: string, { status, body }: AdminAnswer): Readiness {
  if ((status !== 200 && status !== 503) || !readiness(body)) throw noGateway(address, status);
  return body;
}

export function totalsOf(address: string, { status, body }: AdminAnswer): Totals {
  if (status !== 200 || !has(body, ['connections', 'sessions', 'queues'])) throw noGateway(address, status);
  if (!has(body, ['gateway'])) {
    throw new CommandError('protocol', `the gateway at ${address} is too old for this command: upgrade it.`);
  }
  if (!totals(body)) throw otherVersion(address);
  return body;
}

export function connectionsOf(address: string, { status, body }: AdminAnswer): ConnectionPage {
  if (status !== 200 || !has(body, ['connections', 'total'])) throw noGateway(address, status);
  if (!connectionPage(body)) throw otherVersion(address);
  return body;
}

function has(body: unknown, names: readonly string[]): boolean {
  return typeof body === 'object' && body !== null && names.every((name) => name in body);
}

function noGateway(address: string, status: number): CommandError {
  return new CommandError(
    'protocol',
    `what answers at ${address} is no admin address of a gateway (HTTP status ${String(status)}).`,
  );
}

function otherVersion(address: string): CommandError {
  return new CommandError(
    'protocol',
    `what answers at ${address} is not understood here: is it a gateway of another version?`,
  );
}
