import type { Pair } from './case.js';
import type { Figure, Figures } from './figures.js';
import { summarize, type Summary } from './statistics.js';

/** What every run of a case told in one round, by run key. */
export type Round = Readonly<Record<string, Figures>>;

export type Wanted = { readonly atLeast: number } | { readonly atMost: number };

/** A target that the project has set itself (the word that readers see; here a target is whom a load goes to). */
export interface Bar {
  readonly name: string;
  readonly case: string;
  readonly text: string;
  readonly unit: 'ratio' | 'MiB';
  readonly wanted: Wanted;
  /** Of one that is a figure divided by the same of another run. */
  readonly pair?: FigurePair;
  /** From one round; undefined when something it needs was not measured. */
  readonly of: (round: Round) => number | undefined;
}

export interface FigurePair extends Pair {
  readonly figure: Figure;
}

export type Verdict = 'met' | 'MISSED' | 'not measured';

export interface JudgedBar extends Pick<Bar, 'name' | 'case' | 'text' | 'unit' | 'wanted'> {
  readonly measured?: Summary;
  /** In how many rounds it was met by itself; absent in records from before it was counted. */
  readonly metIn?: number;
  readonly verdict: Verdict;
  /** How far on the good side of what is wanted, as a part of it; negative: by how much it was missed. */
  readonly margin?: number;
}

const MIB = 1024 * 1024;

/** A figure of one run divided by the same of another, within a round: what disturbs a round disturbs both. */
export function ratioOf(round: Round, figure: Figure, of: string, to: string): number | undefined {
  const mine = round[of]?.[figure];
  const theirs = round[to]?.[figure];
  return mine === undefined || theirs === undefined || theirs === 0 ? undefined : mine / theirs;
}

function ratio(figure: Figure, of: string, to: string): Required<Pick<Bar, 'unit' | 'pair' | 'of'>> {
  return { unit: 'ratio', pair: { figure, of, to }, of: (round) => ratioOf(round, figure, of, to) };
}

/** How a message's cost grows from 20 to 4,000 connections: cost is the inverse of messages per CPU-second. */
function growth(round: Round, subject: string): number | undefined {
  return ratioOf(
    round,
    'messagesPerCpuSecond',
    `${subject}, 20 connections`,
    `${subject}, 4,000 connections`,
  );
}

export const BARS: readonly Bar[] = [
  {
    name: 'echo-opened',
    case: 'echo-20x256b',
    text: 'echo in opened sessions: msg/CPU-s, sluice / go',
    wanted: { atLeast: 1.5 },
    ...ratio('messagesPerCpuSecond', 'sluice', 'go'),
  },
  {
    name: 'echo-simple',
    case: 'echo-20x256b',
    text: 'echo on simple connections: msg/CPU-s, sluice / go',
    wanted: { atLeast: 1.7 },
    ...ratio('messagesPerCpuSecond', 'sluice-simple', 'go'),
  },
  {
    name: 'batches',
    case: 'batches-8',
    text: 'batches of 8: msg/CPU-s, sluice / go in single messages',
    wanted: { atLeast: 3 },
    ...ratio('messagesPerCpuSecond', 'sluice', 'go'),
  },
  {
    name: 'memory',
    case: 'idle',
    text: '5,000 idle connections with an open session each: RSS',
    unit: 'MiB',
    wanted: { atMost: 290 },
    of: (round) => {
      const bytes = round['sluice']?.rssMaxBytes;
      return bytes === undefined ? undefined : bytes / MIB;
    },
  },
  {
    name: 'latency',
    case: 'latency',
    text: 'half load: p99, sluice / plain at the same rate',
    wanted: { atMost: 1.5 },
    ...ratio('p99Ms', 'sluice, half load', 'plain, half load'),
  },
  {
    name: 'fan-out',
    case: 'fan-out',
    text: 'fan-out to 1,000: deliveries/CPU-s, sluice / plain',
    wanted: { atLeast: 0.9 },
    ...ratio('messagesPerCpuSecond', 'sluice', 'plain'),
  },
  {
    name: 'stalled-rate',
    case: 'stalled',
    text: "10 % stalled: the others' msg/CPU-s, with / without",
    wanted: { atLeast: 0.95 },
    ...ratio('messagesPerCpuSecond', 'sluice, 10 % stalled', 'sluice, none stalled'),
  },
  {
    name: 'stalled-latency',
    case: 'stalled',
    text: "10 % stalled: the others' p99, with / without",
    wanted: { atMost: 1.5 },
    ...ratio('p99Ms', 'sluice, 10 % stalled', 'sluice, none stalled'),
  },
  {
    name: 'stalled-memory',
    case: 'stalled',
    text: '10 % stalled: RSS, last third of the run / its middle',
    unit: 'ratio',
    wanted: { atMost: 1.1 },
    of: (round) => round['sluice, 10 % stalled']?.rssGrowth,
  },
  {
    name: 'scale',
    case: 'scale',
    text: '20 to 4,000 connections: growth of cost, sluice / go',
    unit: 'ratio',
    wanted: { atMost: 1.2 },
    of: (round) => {
      const mine = growth(round, 'sluice');
      const theirs = growth(round, 'go');
      return mine === undefined || theirs === undefined ? undefined : mine / theirs;
    },
  },
];

/** What a bar is judged by at least, of the rounds there were: fewer are an accident. */
const LEAST_ROUNDS = 3;

/** The median over the rounds against what is wanted. */
export function judge(bar: Bar, rounds: readonly Round[]): JudgedBar {
  const { name, text, unit, wanted } = bar;
  const known = { name, case: bar.case, text, unit, wanted };
  const values = rounds.flatMap((round) => bar.of(round) ?? []);
  if (values.length < Math.max(1, Math.min(LEAST_ROUNDS, rounds.length)))
    return { ...known, verdict: 'not measured' };
  const measured = summarize(values);
  const margin = marginOf(measured.median, wanted);
  const metIn = values.filter((value) => marginOf(value, wanted) >= 0).length;
  return { ...known, measured, metIn, margin, verdict: margin >= 0 ? 'met' : 'MISSED' };
}

function marginOf(value: number, wanted: Wanted): number {
  return 'atLeast' in wanted ? value / wanted.atLeast - 1 : 1 - value / wanted.atMost;
}
