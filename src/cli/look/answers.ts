import { CommandError } from '../frame/command-error.js';
import type { AdminAnswer } from './admin-client.js';

/** What of docs/admin.md the commands read. A later gateway may say more. */
export interface Totals {
  readonly gateway: {
    readonly version: string;
    readonly nodeId: string;
    readonly startedAt: string;
    readonly uptimeMs: number;
    readonly receiveRate: number;
    readonly sendRate: number;
    readonly slow: Readonly<Record<string, number>>;
    readonly limits: { readonly connections: number; readonly sessions: number; readonly sockets: number };
    readonly process: {
      readonly pid: number;
      readonly cpuMs: number;
      readonly loopDelay: LoopDelay;
      readonly rssBytes: number;
      readonly heapUsedBytes: number;
      readonly heapTotalBytes: number;
    };
  };
  readonly connections: {
    readonly active: number;
    readonly rejected: Readonly<Record<string, number>>;
  };
  readonly sessions: { readonly active: number; readonly windowed: { readonly detached: number } };
  readonly sockets: { readonly active: number };
  readonly messages: { readonly received: number; readonly sent: number };
  readonly bytes: { readonly buffered: number; readonly budget: number };
  readonly flow: { readonly up: Flow; readonly down: Flow };
  readonly errors: { readonly route: number; readonly slowConsumers: number };
  readonly queues: {
    readonly receive: QueueDepth;
    readonly send: QueueDepth;
    readonly bytesInFlight: number;
  };
}

export interface LoopDelay {
  readonly overMs: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Flow {
  readonly dropped: number;
}

interface QueueDepth {
  readonly messages: number;
  readonly bytes: number;
  readonly maxMessages: number;
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface Queue {
  readonly messages: number;
  readonly bytes: number;
  readonly capacity: number;
}

export interface Connection {
  readonly id: string;
  readonly clientId: string;
  readonly peer: string;
  readonly state: string;
  readonly ageMs: number;
  readonly idleMs: number;
  readonly sessions: number;
  readonly receiveQueue: Queue;
  readonly sendQueue: Queue;
  readonly bytesInFlight: number;
  readonly receiveRate: number;
  readonly sendRate: number;
  readonly slowBecause: string | null;
}

export interface ConnectionPage {
  readonly connections: readonly Connection[];
  readonly total: number;
}

/** Throws a `CommandError` for what no gateway answers. */
export function readinessOf(address: string, { status, body }: AdminAnswer): Readiness {
  if ((status !== 200 && status !== 503) || !has(body, ['ready', 'reasons']))
    throw noGateway(address, status);
  return body as Readiness;
}

export function totalsOf(address: string, { status, body }: AdminAnswer): Totals {
  if (status !== 200 || !has(body, ['connections', 'sessions', 'queues'])) throw noGateway(address, status);
  if (!has(body, ['gateway'])) {
    throw new CommandError('protocol', `the gateway at ${address} is too old for this command: upgrade it.`);
  }
  return body as unknown as Totals;
}

export function connectionsOf(address: string, { status, body }: AdminAnswer): ConnectionPage {
  if (status !== 200 || !has(body, ['connections', 'total'])) throw noGateway(address, status);
  return body as unknown as ConnectionPage;
}

function has<K extends string>(body: unknown, names: readonly K[]): body is Record<K, unknown> {
  return typeof body === 'object' && body !== null && names.every((name) => name in body);
}

function noGateway(address: string, status: number): CommandError {
  return new CommandError(
    'protocol',
    `what answers at ${address} is no admin address of a gateway (HTTP status ${String(status)}).`,
  );
}
