import { BARS, judge, ratioOf, type FigurePair, type JudgedBar, type Round } from './bars.js';
import { runKey, secondsOf, type BenchCase, type Load, type Pair, type Run } from './case.js';
import { FIGURES, summarizeFigures, type Figure, type FigureSummaries } from './figures.js';
import type { Machine, Source } from './environment.js';
import type { Rest } from './machine-meter.js';
import { summarize, type Summary } from './statistics.js';
import type { Subject } from './subjects.js';

/** One benchmark, as it is written to a file: everything that the tables, the charts and the document show. */
export interface BenchRecord {
  readonly format: 1;
  /** When it began, ISO 8601. */
  readonly stamp: string;
  readonly command: string;
  /** `--quick`: crashes show, figures mean nothing. */
  readonly quick: boolean;
  readonly rounds: number;
  readonly minutes: number;
  readonly machine: Machine;
  /** Absent where git does not tell. */
  readonly source?: Source;
  /** The sum of the cases' own. */
  readonly rest?: Rest;
  readonly generator: string;
  /** What each subject runs on, with versions; of those that were there. */
  readonly runtimes: Readonly<Partial<Record<Subject, string>>>;
  readonly cases: readonly CaseRecord[];
  readonly bars: readonly JudgedBar[];
  readonly failures: readonly Failure[];
  /** What was left out, and why. */
  readonly omissions: readonly Failure[];
}

export interface CaseRecord extends Pick<BenchCase, 'name' | 'group' | 'title' | 'figure' | 'seconds'> {
  readonly runs: readonly RunRecord[];
  readonly ratios: readonly RatioRecord[];
  /** Absent where /proc does not tell. */
  readonly rest?: Rest;
  /** Of a case that was measured anew, after the others: when, and of what. */
  readonly later?: Later;
  /** What each round told; left out of what is published. */
  readonly rounds?: readonly Round[];
}

export interface Later {
  readonly stamp: string;
  readonly source?: Source;
  /** That source makes other servers than the rest's, or it is not known that it does not. */
  readonly hasOtherServers?: true;
}

/** What is optional is absent in records from before it was kept. */
export interface RunRecord
  extends
    Pick<Run, 'subject' | 'variant' | 'seconds'>,
    Pick<Load, 'payloadBytes' | 'batch' | 'connections'>,
    Partial<Pick<Load, 'streams' | 'outstanding'>> {
  readonly key: string;
  readonly figures: FigureSummaries;
}

export interface RatioRecord extends FigurePair {
  readonly ratio: Summary;
}

export interface Failure {
  readonly case: string;
  readonly run: string;
  readonly message: string;
  /** Of a failure: in which round; the next one tries again. */
  readonly round?: number;
}

export function recordCase(benchCase: BenchCase, rounds: readonly Round[]): CaseRecord {
  const { name, group, title, figure, seconds } = benchCase;
  const runs = benchCase.runs.flatMap((run) => recordRun(run, secondsOf(benchCase, run), rounds) ?? []);
  const ratios = benchCase.pairs.flatMap((pair) => recordRatio(pair, figure, rounds) ?? []);
  return { name, group, title, figure, seconds, runs, ratios, rounds };
}

function recordRun(run: Run, seconds: number, rounds: readonly Round[]): RunRecord | undefined {
  const key = runKey(run);
  const measured = rounds.flatMap((round) => round[key] ?? []);
  if (measured.length === 0) return undefined;
  const { payloadBytes, batch, connections, streams, outstanding } = run.load;
  const variant = run.variant === undefined ? {} : { variant: run.variant };
  const figures = summarizeFigures(measured);
  const load = { payloadBytes, batch, connections, streams, outstanding, seconds };
  return { key, subject: run.subject, ...variant, ...load, figures };
}

/** Round by round: what disturbs a round disturbs both. */
function recordRatio({ of, to }: Pair, figure: Figure, rounds: readonly Round[]): RatioRecord | undefined {
  const values = rounds.flatMap((round) => ratioOf(round, figure, of, to) ?? []);
  return values.length === 0 ? undefined : { of, to, figure, ratio: summarize(values) };
}

/** All bars, judged by what was measured. */
export function judgeAll(cases: readonly CaseRecord[]): JudgedBar[] {
  return BARS.map((bar) => judge(bar, cases.find(({ name }) => name === bar.case)?.rounds ?? []));
}

/** How quiet it was in all; undefined where nobody knows. */
export function restOf(cases: readonly Pick<CaseRecord, 'rest'>[]): Rest | undefined {
  const known = cases.flatMap(({ rest }) => rest ?? []);
  const sum = (of: keyof Rest): number => known.reduce((total, rest) => total + rest[of], 0);
  return known.length === 0
    ? undefined
    : { runs: sum('runs'), repeated: sum('repeated'), disturbed: sum('disturbed') };
}

/** The record without its single rounds, in four digits: what is kept in the repository. */
export function condense(record: BenchRecord): BenchRecord {
  const cases = record.cases.map((one) => {
    const { rounds: _, ...kept } = one;
    return kept;
  });
  return rounded({ ...record, cases });
}

const DIGITS = 4;

/** Integers stay: counts, formats. */
function rounded<T>(value: T): T {
  if (typeof value === 'number') {
    return (Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS))) as T;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => rounded(item)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded<unknown>(item)])) as T;
  }
  return value;
}

/** Reads what `JSON.stringify` made of a record. @throws Error when it is something else. */
export function parseRecord(text: string): BenchRecord {
  const parsed = JSON.parse(text) as Partial<BenchRecord>;
  if (parsed.format !== 1 || parsed.cases === undefined || parsed.bars === undefined) {
    throw new Error('this is not a record of the benchmark, or one of an older format');
  }
  const unknown = parsed.cases.find(({ figure }) => !(figure in FIGURES));
  if (unknown !== undefined) throw new Error(`${unknown.name}: no figure ${unknown.figure}`);
  return parsed as BenchRecord;
}
