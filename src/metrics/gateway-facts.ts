import { performance } from 'node:perf_hooks';
import type { Clock } from '../core/clock.js';
import { EventLoopDelay, type LoopDelay, type LoopDelayMonitor } from './event-loop-delay.js';

/** What there is to know of a gateway as a whole, beside its counters. */
export interface GatewayFacts {
  readonly version: string;
  readonly nodeId: string;
  /** RFC 3339 */
  readonly startedAt: string;
  readonly uptimeMs: number;
  /** Where clients connect; empty where it takes no more connections. */
  readonly addresses: readonly ServedAddress[];
  /** Messages a second over the recent past, of all connections. */
  readonly receiveRate: number;
  readonly sendRate: number;
  /** How many connections something holds up, by what it is. */
  readonly slow: Readonly<Record<string, number>>;
  /** What there may be at most. */
  readonly limits: GatewayLimits;
  readonly process: ProcessFacts;
}

export interface ServedAddress {
  /** What is spoken there: gRPC, or HTTP with its WebSockets. */
  readonly protocol: 'grpc' | 'http';
  /** `host:port`, `[ipv6]:port` or `unix:/path`. */
  readonly address: string;
  readonly tls: boolean;
}

export interface GatewayLimits {
  readonly connections: number;
  readonly sessions: number;
  readonly sockets: number;
  /** 0 without an HTTP address. */
  readonly edgeSockets: number;
}

export interface ProcessFacts {
  readonly pid: number;
  /** Time on a processor, and time the event loop was at work, since the start: differences of two looks are what counts. */
  readonly cpuMs: number;
  readonly loopActiveMs: number;
  readonly loopDelay: LoopDelay & {
    /** What it covers: since a look at least a second ago; 0 at the first, which begins it. */
    readonly overMs: number;
  };
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly externalBytes: number;
}

export interface GatewayFactsOptions {
  readonly clock: Clock;
  readonly version: string;
  readonly nodeId: string;
  readonly limits: GatewayLimits;
  readonly addresses: () => readonly ServedAddress[];
  /** All connections', added up. May walk them all. */
  readonly rates: () => { readonly receive: number; readonly send: number };
  /** Of each connection, what holds it up. May walk them all. */
  readonly slow: () => Iterable<string | null>;
  /** Default: the platform's. */
  readonly monitorLoop?: () => LoopDelayMonitor;
}

/** Several that look share what was measured: each look would else begin it anew for the others. */
const MIN_MEASURED_MS = 1_000;
const NOTHING: LoopDelay = { meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };

/** Tells the facts to whoever looks. The event loop is watched from the first look on: who never looks does not pay. */
export class GatewayFactsSource {
  readonly #options: GatewayFactsOptions;
  readonly #startedAt: { readonly ms: number; readonly wallMs: number };
  #loop: LoopDelayMonitor | undefined;
  #measured = { atMs: 0, overMs: 0, delay: NOTHING };
  #stopped = false;

  constructor(options: GatewayFactsOptions) {
    this.#options = options;
    this.#startedAt = { ms: options.clock.now(), wallMs: options.clock.wallNow() };
  }

  read(): GatewayFacts {
    const { clock, version, nodeId, limits, addresses, rates, slow } = this.#options;
    const { receive, send } = rates();
    return {
      version,
      nodeId,
      startedAt: new Date(this.#startedAt.wallMs).toISOString(),
      uptimeMs: Math.round(clock.now() - this.#startedAt.ms),
      addresses: addresses(),
      receiveRate: tenths(receive),
      sendRate: tenths(send),
      slow: countsOf(slow()),
      limits,
      process: this.#process(),
    };
  }

  /** Leaves no timer. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#loop?.stop();
    this.#loop = undefined;
  }

  #process(): ProcessFacts {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    return {
      pid: process.pid,
      cpuMs: Math.round((user + system) / 1_000),
      loopActiveMs: Math.round(performance.eventLoopUtilization().active),
      loopDelay: this.#loopDelay(),
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      externalBytes: external,
    };
  }

  #loopDelay(): ProcessFacts['loopDelay'] {
    const nowMs = this.#options.clock.now();
    if (this.#loop === undefined) {
      if (!this.#stopped) {
        this.#loop = (this.#options.monitorLoop ?? (() => new EventLoopDelay()))();
        this.#measured = { atMs: nowMs, overMs: 0, delay: NOTHING };
      }
    } else if (nowMs - this.#measured.atMs >= MIN_MEASURED_MS) {
      this.#measured = { atMs: nowMs, overMs: nowMs - this.#measured.atMs, delay: this.#loop.read() };
    }
    const { delay, overMs } = this.#measured;
    return {
      overMs: Math.round(overMs),
      meanMs: tenths(delay.meanMs),
      p50Ms: tenths(delay.p50Ms),
      p99Ms: tenths(delay.p99Ms),
      maxMs: tenths(delay.maxMs),
    };
  }
}

function countsOf(reasons: Iterable<string | null>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) if (reason !== null) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
