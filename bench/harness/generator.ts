import type { Load } from './case.js';
import { Child, within } from './child.js';
import type { GoTools } from './go-tools.js';
import { pathOf } from './paths.js';

/** Opening, the last answers and the way out, beyond the time asked for. */
const SLACK_MS = 60_000;

export interface Generator {
  readonly kind: 'go' | 'node';
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** What a run prints; times are of the measured interval only. Which are there depends on the mode. */
export interface LoadResult {
  readonly messages?: number;
  readonly seconds?: number;
  readonly messagesPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly p999Ms?: number;
  /** CPU seconds of the server; absent where the platform does not tell. */
  readonly serverCpu?: number;
  readonly generatorCpu?: number;
  /** How often clients that never read came back after the server had ended them. */
  readonly stalledReopened?: number;
  /** Messages of an open loop, due within the measured interval, that went more than 1 ms late. */
  readonly late?: number;
  /** Of idle connections: asked for, and still answering at the end. */
  readonly wanted?: number;
  readonly connected?: number;
  readonly errors?: Readonly<Record<string, number>> | null;
}

/** The load needs the Go generator, and this is the one on Node. */
export class GeneratorCannotError extends Error {
  override readonly name = 'GeneratorCannotError';
}

/** The Go generator, or without it the slower one on node:http2. */
export function chooseGenerator(go: GoTools): Generator {
  if (go.load !== undefined)
    return { kind: 'go', title: 'Go, an HTTP/2 client of its own', command: go.load, args: [] };
  return {
    kind: 'node',
    title: `Node, node:http2, one core (${go.reason ?? 'no Go'}): compare messages per server CPU-second only`,
    command: process.execPath,
    args: ['--import', 'tsx', pathOf('bench/load/node-load.ts')],
  };
}

export interface Target {
  readonly address: string;
  readonly pid: number;
  /** Over TLS: the authority to trust, a file. */
  readonly authorityFile?: string;
}

export interface Manner {
  readonly windowed: boolean;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Messages per second in all; absent: a closed loop. */
  readonly ratePerSecond?: number;
}

/** Told of the measured interval; where there is a warm-up of the same kind, of that before. */
export interface Watch {
  begin(): void;
  end(): void;
}

/** One run against a server that is up; `died` rejects when it no longer is, and the generator is ended. */
export async function generateLoad(
  generator: Generator,
  target: Target,
  load: Load,
  manner: Manner,
  died: Promise<never>,
  watch: Watch,
): Promise<LoadResult> {
  const args = Object.entries(flagsOf(target, load, manner)).map(([name, value]) => `--${name}=${value}`);
  let last: Line = {};
  const { command } = generator;
  const child = new Child({ name: 'the generator', command, args: [...generator.args, ...args] }, (text) => {
    const line = lineOf(text);
    if (line === undefined) return;
    if (line.event === 'measuring') watch.begin();
    if (line.event === 'measured') watch.end();
    last = line;
  });
  try {
    const limitMs = (manner.warmupSeconds + manner.seconds) * 1000 + SLACK_MS;
    await within(Promise.race([child.exited, died]), limitMs, 'the load generator');
  } finally {
    await child.stop();
  }
  if (last.event === 'result') return last as LoadResult;
  const message = typeof last.message === 'string' ? last.message : lastWords(child.stderr);
  if (last.cannot === true) throw new GeneratorCannotError(message);
  throw new Error(`the load generator failed: ${message}`);
}

/** Of a stack trace the line that names the error, else the last line. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /^(\w*Error\b|panic:)/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}

interface Line {
  readonly event?: unknown;
  readonly message?: unknown;
  /** With an error: the generator does not know such a load. */
  readonly cannot?: unknown;
}

/** What a line of the generator says; undefined when it is none of its own. */
export function lineOf(text: string): Line | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'event' in parsed ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** What differs from the usual is given, and nothing else: a reader of `ps` sees what is special. */
export function flagsOf(target: Target, load: Load, manner: Manner): Readonly<Record<string, string>> {
  const flags: Record<string, string | number> = {
    mode: load.mode,
    addr: target.address,
    'server-pid': target.pid,
    conns: load.connections,
    streams: load.streams,
    outstanding: load.outstanding,
    size: load.payloadBytes,
    method: load.method,
    batch: load.batch,
    warmup: manner.warmupSeconds,
    seconds: manner.seconds,
  };
  if (manner.windowed) flags['windowed'] = 'true';
  if (load.sessionsPerStream > 1) flags['sessions'] = load.sessionsPerStream;
  if (load.stalled > 0) flags['stalled'] = load.stalled;
  if (manner.ratePerSecond !== undefined) flags['rate'] = Math.round(manner.ratePerSecond);
  if (target.authorityFile !== undefined) flags['ca'] = target.authorityFile;
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, String(value)]));
}
