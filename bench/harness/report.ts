import type { BenchCase } from './cases.js';
import type { ThroughputResult } from './generator.js';
import type { ServerName } from './servers.js';
import { summarize, type Summary } from './statistics.js';

/** One round of one case: what each server did, one after the other. */
export type Round = Readonly<Partial<Record<ServerName, ThroughputResult>>>;

export interface CaseRounds {
  readonly benchCase: BenchCase;
  readonly rounds: readonly Round[];
}

export interface ServerSummary {
  readonly server: ServerName;
  /** Undefined where the platform does not tell a process's CPU time. */
  readonly perCpuSecond: Summary | undefined;
  readonly perSecond: Summary;
  readonly p50Ms: Summary;
  readonly p99Ms: Summary;
  readonly generatorCpuPerSecond: number;
}

export interface RatioSummary {
  readonly of: ServerName;
  readonly to: ServerName;
  /** Of the ratios within each round: what disturbs a round disturbs both sides. */
  readonly ratio: Summary;
  readonly atLeast: number | undefined;
}

export function perCpuSecond(result: ThroughputResult): number | undefined {
  return result.serverCpu === undefined || result.serverCpu === 0
    ? undefined
    : result.messages / result.serverCpu;
}

export function summarizeServers(rounds: readonly Round[], servers: readonly ServerName[]): ServerSummary[] {
  return servers.flatMap((server) => {
    const results = rounds.flatMap((round) => round[server] ?? []);
    if (results.length === 0) return [];
    const perCpu = results.flatMap((result) => perCpuSecond(result) ?? []);
    return {
      server,
      perCpuSecond: perCpu.length === 0 ? undefined : summarize(perCpu),
      perSecond: summarize(results.map((result) => result.messagesPerSecond)),
      p50Ms: summarize(results.map((result) => result.p50Ms)),
      p99Ms: summarize(results.map((result) => result.p99Ms)),
      generatorCpuPerSecond: summarize(results.map((r) => r.generatorCpu / r.seconds)).median,
    };
  });
}

/** The first server to each of the others, round by round. */
export function summarizeRatios(
  { benchCase, rounds }: CaseRounds,
  servers: readonly ServerName[],
): RatioSummary[] {
  const [of, ...others] = servers;
  if (of === undefined) return [];
  return others.flatMap((to) => {
    const ratios = rounds.flatMap((round) => {
      const mine = round[of] && perCpuSecond(round[of]);
      const theirs = round[to] && perCpuSecond(round[to]);
      return mine === undefined || theirs === undefined ? [] : mine / theirs;
    });
    if (ratios.length === 0) return [];
    const atLeast =
      of === 'sluice' ? benchCase.bars.find((candidate) => candidate.to === to)?.atLeast : undefined;
    return { of, to, ratio: summarize(ratios), atLeast };
  });
}

export function serverTable(summaries: readonly ServerSummary[]): string {
  const range = (summary: Summary | undefined): string[] =>
    summary === undefined ? ['?', '?'] : [thousands(summary.median), spread(summary, thousands)];
  return table(
    ['server', 'msg/CPU-s', 'min..max', 'msg/s', 'min..max', 'p50 ms', 'p99 ms', 'generator CPU/s'],
    summaries.map((summary) => [
      summary.server,
      ...range(summary.perCpuSecond),
      ...range(summary.perSecond),
      summary.p50Ms.median.toFixed(2),
      summary.p99Ms.median.toFixed(2),
      summary.generatorCpuPerSecond.toFixed(2),
    ]),
  );
}

export function ratioTable(ratios: readonly RatioSummary[]): string {
  return table(
    ['ratio of msg/CPU-s', 'median', 'min..max', 'wanted'],
    ratios.map(({ of, to, ratio, atLeast }) => [
      `${of} / ${to}`,
      ratio.median.toFixed(2),
      spread(ratio, (value) => value.toFixed(2)),
      atLeast === undefined ? '' : `>= ${atLeast.toFixed(2)} ${ratio.median >= atLeast ? 'met' : 'MISSED'}`,
    ]),
  );
}

/** `413 k`; three digits, for the rest is noise. */
export function thousands(value: number): string {
  return value >= 100_000 ? `${(value / 1000).toFixed(0)} k` : `${(value / 1000).toFixed(1)} k`;
}

function spread(summary: Summary, format: (value: number) => string): string {
  return `${format(summary.min)}..${format(summary.max)}`;
}

/** First column to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}
