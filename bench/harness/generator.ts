import { Child, within } from './child.js';
import type { GoTools } from './go-tools.js';
import { pathOf } from './paths.js';
import type { Method } from './servers.js';

/** Opening, the last answers and the way out, beyond the time asked for. */
const SLACK_MS = 60_000;

export interface Generator {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface ThroughputLoad {
  readonly method: Method;
  readonly connections: number;
  readonly streams: number;
  /** Frames each stream keeps under way. */
  readonly outstanding: number;
  /** Messages a frame; 1 with StreamData. */
  readonly batch: number;
  readonly payloadBytes: number;
}

/** What a throughput run prints; times of the measured interval only. */
export interface ThroughputResult {
  readonly messages: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** CPU seconds of the server; absent where the platform does not tell. */
  readonly serverCpu?: number;
  readonly generatorCpu: number;
  /** Messages from the server that were no answers: heartbeats, advice. */
  readonly otherMessages: number;
}

export interface IdleResult {
  readonly wanted: number;
  readonly opened: number;
  readonly connected: number;
  readonly heartbeatsSent: number;
  readonly heartbeatsReceived: number;
  readonly probesAnswered: number;
  readonly errors: Readonly<Record<string, number>> | null;
}

/** The Go generator, or without it the slower one on node:http2. */
export function chooseGenerator(go: GoTools): Generator {
  if (go.load !== undefined) return { title: 'Go, grpc-go', command: go.load, args: [] };
  return {
    title: `Node, node:http2, one core (${go.reason ?? 'no Go'}): compare messages per server CPU-second only`,
    command: process.execPath,
    args: ['--import', 'tsx', pathOf('bench/load/node-load.ts')],
  };
}

/** One throughput run against a server that is up. */
export async function generateLoad(
  generator: Generator,
  server: { readonly address: string; readonly pid: number },
  load: ThroughputLoad,
  times: { readonly warmupSeconds: number; readonly seconds: number },
): Promise<ThroughputResult> {
  const flags = {
    mode: 'throughput',
    addr: server.address,
    'server-pid': server.pid,
    conns: load.connections,
    streams: load.streams,
    outstanding: load.outstanding,
    size: load.payloadBytes,
    method: load.method,
    batch: load.batch,
    warmup: times.warmupSeconds,
    seconds: times.seconds,
  };
  return (await runGenerator(generator, flags, times.warmupSeconds + times.seconds)) as ThroughputResult;
}

/** Holds idle connections; `onConnected` tells when all that could be opened are. */
export async function generateIdle(
  generator: Generator,
  address: string,
  connections: number,
  seconds: number,
  windowed: boolean,
  onConnected: (opened: number, openingSeconds: number) => void,
): Promise<IdleResult> {
  const flags = { mode: 'idle', addr: address, conns: connections, seconds, windowed: String(windowed) };
  return (await runGenerator(generator, flags, seconds, (line) => {
    if (line['event'] === 'connected') onConnected(Number(line['connections']), Number(line['seconds']));
  })) as IdleResult;
}

type Line = Readonly<Record<string, unknown>> & { readonly message?: unknown };

async function runGenerator(
  generator: Generator,
  flags: Readonly<Record<string, string | number>>,
  seconds: number,
  onLine: (line: Line) => void = () => undefined,
): Promise<unknown> {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${String(value)}`);
  let last: Line = {};
  const { command } = generator;
  const child = new Child({ name: 'the generator', command, args: [...generator.args, ...args] }, (text) => {
    last = JSON.parse(text) as Line;
    onLine(last);
  });
  try {
    await within(child.exited, seconds * 1000 + SLACK_MS, 'the load generator');
  } finally {
    await child.stop();
  }
  if (last['event'] === 'result') return last;
  const { message } = last;
  throw new Error(`the load generator failed: ${typeof message === 'string' ? message : child.stderr}`);
}
