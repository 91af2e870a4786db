import type { Figure } from './figures.js';
import type { Method } from './servers.js';
import type { Subject } from './subjects.js';

/** What the generator does; the generator knows these words. */
export type Mode = 'throughput' | 'unary' | 'fanout' | 'ingest' | 'idle';

export interface Load {
  readonly mode: Mode;
  readonly method: Method;
  readonly connections: number;
  /** In all; with fan-out those of the subscribers, with unary calls the callers. */
  readonly streams: number;
  /** Frames that each stream keeps under way; of an open loop, what it may at most be behind. */
  readonly outstanding: number;
  /** Messages a frame; 1 with StreamData. */
  readonly batch: number;
  readonly payloadBytes: number;
  readonly sessionsPerStream: number;
  /** Further clients that send and never read. */
  readonly stalled: number;
  readonly tls: boolean;
  /** Open loop, at so much of the case's pace; 0: a closed loop. */
  readonly rateShare: number;
}

/** One column of a comparison: a subject, and where a case compares loads, which. */
export interface Run {
  readonly subject: Subject;
  readonly variant?: string;
  readonly load: Load;
  /** Where it is not measured as long as its case. */
  readonly seconds?: number;
}

/** What the rates of open loops are shares of: a figure of this run, in a closed loop just before. */
export interface Pace {
  readonly run: Run;
  readonly figure: 'messagesPerSecond' | 'messagesPerCpuSecond';
}

/** Two runs of a case whose figures are divided, round by round. */
export interface Pair {
  readonly of: string;
  readonly to: string;
}

export interface BenchCase {
  readonly name: string;
  readonly group: Group;
  readonly title: string;
  /** What the case is about: the one that is compared first. */
  readonly figure: Figure;
  readonly runs: readonly Run[];
  readonly pairs: readonly Pair[];
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** A process of its own for each run, that has done nothing else; otherwise one for all runs of the case. */
  readonly freshServers: boolean;
  /** Of a case with open loops. */
  readonly pace?: Pace;
  readonly quick?: Quick;
}

/** A case that has one takes part in `--quick`, with these subjects and no more than this load. */
export interface Quick {
  readonly load?: Partial<Load>;
  readonly subjects?: readonly Subject[];
}

export const GROUPS = [
  'echo',
  'batches',
  'fan-out',
  'ingest',
  'latency',
  'planned',
  'stalled',
  'sessions',
  'tls',
  'unary',
  'scale',
  'idle',
] as const;
export type Group = (typeof GROUPS)[number];

/** `sluice`, or `sluice, 10 % stalled`: unique within its case. */
export function runKey(run: Pick<Run, 'subject' | 'variant'>): string {
  return run.variant === undefined ? run.subject : `${run.subject}, ${run.variant}`;
}

/** Odd rounds forwards, even ones backwards: nobody always comes first, or always after the same one. */
export function inOrder<T>(runs: readonly T[], round: number): readonly T[] {
  return round % 2 === 1 ? runs : [...runs].reverse();
}

const QUICK_WARMUP_SECONDS = 0.2;
export const QUICK_SECONDS = 0.4;

/** The case as `--quick` plays it; undefined when it stays out. */
export function quickened(benchCase: BenchCase): BenchCase | undefined {
  const { quick } = benchCase;
  if (quick === undefined) return undefined;
  // What a case varies stays varied; the rest becomes small.
  const small = ({ seconds: _, ...run }: Run): Run => ({ ...run, load: smaller(run.load, quick.load ?? {}) });
  const runs = benchCase.runs
    .filter(({ subject }) => quick.subjects?.includes(subject) ?? true)
    .map((run) => small(run));
  const { pace } = benchCase;
  const times = { warmupSeconds: QUICK_WARMUP_SECONDS, seconds: QUICK_SECONDS };
  return {
    ...benchCase,
    ...times,
    runs,
    ...(pace === undefined ? {} : { pace: { ...pace, run: small(pace.run) } }),
  };
}

/**
 * The case where the usual measurement takes `seconds` instead of `usual`: each in proportion, but those that take
 * longer than usual are never shortened, for what they wait for takes its time.
 */
export function lasting(benchCase: BenchCase, usual: number, seconds: number): BenchCase {
  const factor = seconds / usual;
  const scaled = (own: number): number => (own > usual ? own * Math.max(1, factor) : own * factor);
  const runs = benchCase.runs.map((run) =>
    run.seconds === undefined ? run : { ...run, seconds: scaled(run.seconds) },
  );
  return { ...benchCase, runs, seconds: scaled(benchCase.seconds) };
}

/** How long a run of the case is measured. */
export function secondsOf(benchCase: Pick<BenchCase, 'seconds'>, run: Pick<Run, 'seconds'>): number {
  return run.seconds ?? benchCase.seconds;
}

function smaller(load: Load, limits: Partial<Load>): Load {
  const least = (value: number, limit: number | undefined): number => Math.min(value, limit ?? value);
  return {
    ...load,
    connections: least(load.connections, limits.connections),
    streams: least(load.streams, limits.streams),
    outstanding: least(load.outstanding, limits.outstanding),
    stalled: least(load.stalled, limits.stalled),
  };
}
