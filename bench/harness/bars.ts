import type { Figure, Figures } from './figures.js';
import { summarize, type Summary } from './statistics.js';

/** What every run of a case told in one round, by run key. */
export type Round = Readonly<Record<string, Figures>>;

export type Wanted = { readonly atLeast: number } | { readonly atMost: number };

/** What the project has set itself. */
export interface Bar {
  readonly name: string;
  readonly case: string;
  readonly text: string;
  readonly unit: 'ratio' | 'MiB';
  readonly wanted: Wanted;
  /** From one round; undefined when something it needs was not measured. */
  readonly of: (round: Round) => number | undefined;
}

export type Verdict = 'met' | 'MISSED' | 'not measured';

export interface JudgedBar extends Pick<Bar, 'name' | 'case' | 'text' | 'unit' | 'wanted'> {
  readonly measured?: Summary;
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

const ratio =
  (figure: Figure, of: string, to: string) =>
  (round: Round): number | undefined =>
    ratioOf(round, figure, of, to);

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
    text: 'echo in opened sessions: msg/CPU-s to go',
    unit: 'ratio',
    wanted: { atLeast: 1.5 },
    of: ratio('messagesPerCpuSecond', 'sluice', 'go'),
  },
  {
    name: 'echo-simple',
    case: 'echo-20x256b',
    text: 'echo on simple connections: msg/CPU-s to go',
    unit: 'ratio',
    wanted: { atLeast: 1.7 },
    of: ratio('messagesPerCpuSecond', 'sluice-simple', 'go'),
  },
  {
    name: 'batches',
    case: 'batches-8',
    text: 'batches of 8: msg/CPU-s to single messages of go',
    unit: 'ratio',
    wanted: { atLeast: 3 },
    of: ratio('messagesPerCpuSecond', 'sluice', 'go'),
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
    text: 'half load: p99 to plain at the same rate',
    unit: 'ratio',
    wanted: { atMost: 1.5 },
    of: ratio('p99Ms', 'sluice, half load', 'plain, half load'),
  },
  {
    name: 'fan-out',
    case: 'fan-out',
    text: 'fan-out to 1,000: deliveries/CPU-s to plain, pre-encoded',
    unit: 'ratio',
    wanted: { atLeast: 0.9 },
    of: ratio('messagesPerCpuSecond', 'sluice', 'plain'),
  },
  {
    name: 'stalled-rate',
    case: 'stalled',
    text: "10 % stalled: the others' msg/CPU-s to without",
    unit: 'ratio',
    wanted: { atLeast: 0.95 },
    of: ratio('messagesPerCpuSecond', 'sluice, 10 % stalled', 'sluice, none stalled'),
  },
  {
    name: 'stalled-latency',
    case: 'stalled',
    text: "10 % stalled: the others' p99 to without",
    unit: 'ratio',
    wanted: { atMost: 1.5 },
    of: ratio('p99Ms', 'sluice, 10 % stalled', 'sluice, none stalled'),
  },
  {
    name: 'stalled-memory',
    case: 'stalled',
    text: '10 % stalled: RSS, last third of the run to its middle',
    unit: 'ratio',
    wanted: { atMost: 1.1 },
    of: (round) => round['sluice, 10 % stalled']?.rssGrowth,
  },
  {
    name: 'scale',
    case: 'scale',
    text: '20 to 4,000 connections: growth of cost to that of go',
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
  const margin =
    'atLeast' in wanted ? measured.median / wanted.atLeast - 1 : 1 - measured.median / wanted.atMost;
  return { ...known, measured, margin, verdict: margin >= 0 ? 'met' : 'MISSED' };
}
