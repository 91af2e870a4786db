import { summarize, type Summary } from './statistics.js';

/** What one run of one subject tells. Each is there where it could be had. */
export type Figure =
  | 'messagesPerCpuSecond'
  | 'messagesPerSecond'
  | 'p50Ms'
  | 'p99Ms'
  | 'p999Ms'
  | 'rssBeforeBytes'
  | 'rssMaxBytes'
  | 'rssGrowth'
  | 'rssPerConnectionBytes'
  | 'serverCpuPerSecond'
  | 'serverCpuSeconds'
  | 'generatorCpuPerSecond'
  | 'otherCpuPerSecond'
  | 'offeredPerSecond'
  | 'lateShare'
  | 'stalledReopened';

export type Figures = Readonly<Partial<Record<Figure, number>>>;

interface FigureDefinition {
  /** The head of its column. */
  readonly title: string;
  readonly format: (value: number) => string;
}

const MIB = 1024 * 1024;

/** `2.41 M`, `413 k`, `57.1 k`, `812`: three digits, for the rest is noise. */
export function thousands(value: number): string {
  if (value < 1_000) return value.toFixed(0);
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(2)} M`;
  return value >= 100_000 ? `${(value / 1000).toFixed(0)} k` : `${(value / 1000).toFixed(1)} k`;
}

/** Three digits: `0.412`, `3.08`, `57.1`, `812`. */
export function threeDigits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

const mebibytes = (value: number): string => (value / MIB).toFixed(0);

export const FIGURES: Readonly<Record<Figure, FigureDefinition>> = {
  messagesPerCpuSecond: { title: 'msg/CPU-s', format: thousands },
  messagesPerSecond: { title: 'msg/s', format: thousands },
  p50Ms: { title: 'p50 ms', format: threeDigits },
  p99Ms: { title: 'p99 ms', format: threeDigits },
  p999Ms: { title: 'p99.9 ms', format: threeDigits },
  rssBeforeBytes: { title: 'RSS before MiB', format: mebibytes },
  rssMaxBytes: { title: 'RSS MiB', format: mebibytes },
  rssGrowth: { title: 'growth', format: (value) => value.toFixed(2) },
  rssPerConnectionBytes: { title: 'KiB/conn.', format: (value) => (value / 1024).toFixed(1) },
  serverCpuPerSecond: { title: 'srv CPU', format: (value) => value.toFixed(2) },
  serverCpuSeconds: { title: 'CPU s in all', format: (value) => value.toFixed(1) },
  generatorCpuPerSecond: { title: 'gen CPU', format: (value) => value.toFixed(2) },
  otherCpuPerSecond: { title: 'other CPU', format: (value) => value.toFixed(2) },
  offeredPerSecond: { title: 'offered/s', format: thousands },
  lateShare: { title: 'late', format: (value) => `${(value * 100).toFixed(1)} %` },
  stalledReopened: { title: 'reopened', format: (value) => value.toFixed(0) },
};

const FIGURE_NAMES = Object.keys(FIGURES) as Figure[];

export type FigureSummaries = Readonly<Partial<Record<Figure, Summary>>>;

/** Each figure over the rounds that have it. */
export function summarizeFigures(rounds: readonly Figures[]): FigureSummaries {
  const summaries: Partial<Record<Figure, Summary>> = {};
  for (const figure of FIGURE_NAMES) {
    const values = rounds.flatMap((round) => round[figure] ?? []);
    if (values.length > 0) summaries[figure] = summarize(values);
  }
  return summaries;
}
