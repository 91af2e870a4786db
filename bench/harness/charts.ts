import { renderChart, type Chart, type ChartGroup, type ChartItem } from './chart.js';
import { FIGURES, threeDigits, thousands, type Figure } from './figures.js';
import type { BenchRecord, CaseRecord, RunRecord } from './record.js';
import { barValue, limitOf, mebibytes, verdictText, wantedText } from './report.js';
import type { Summary } from './statistics.js';

export interface ChartFile {
  readonly name: string;
  readonly svg: string;
}

const MIB = 1024 * 1024;

/** The cases that say most, in few words. */
const MAIN_CASES: Readonly<Record<string, string>> = {
  'echo-20x256b': 'echo, 256 B, 20 streams',
  'echo-1000x256b': 'echo, 256 B, 1,000 streams',
  'echo-20x256k': 'echo, 256 KiB, 20 streams',
  'batches-8': 'echo in batches of 8 (go: single messages)',
  'fan-out': 'fan-out to 1,000 streams (deliveries)',
  ingest: 'ingest, nothing answered',
  tls: 'echo over TLS',
};

/** Every chart of docs/performance.md. One that was not measured says so. */
export function chartsOf(record: BenchRecord): ChartFile[] {
  const charts: Readonly<Record<string, Chart>> = {
    bars: bars(record),
    throughput: throughput(record),
    payload: payload(record),
    latency: latency(record),
    scale: scale(record),
    memory: memory(record),
  };
  return Object.entries(charts).map(([name, chart]) => ({ name: `${name}.svg`, svg: renderChart(chart) }));
}

function bars(record: BenchRecord): Chart {
  const groups = record.bars.flatMap((bar): ChartGroup[] => {
    if (bar.measured === undefined || bar.unit !== 'ratio') return [];
    const wanted = limitOf(bar);
    const item: ChartItem = {
      label: `wanted ${wantedText(bar).replace('>=', '≥').replace('<=', '≤')}`,
      tone: bar.verdict === 'MISSED' ? 'missed' : 'met',
      value: bar.measured,
      text: `${barValue(bar.measured.median, bar.unit)}, ${verdictText(bar)}`,
      wanted,
    };
    return [{ title: bar.text, items: [item] }];
  });
  return {
    title: 'What was wanted, and what was measured',
    axis: 'ratio within one round; median, min to max; the thick line is what was wanted; memory has a chart of its own',
    scale: 'linear',
    groups,
    formatTick: shortNumber,
  };
}

/** Figures that lie decades apart, on one scale: each as a multiple of the Go port's under the same load. */
function throughput(record: BenchRecord): Chart {
  const groups = Object.entries(MAIN_CASES).flatMap(([name, title]) => {
    const one = caseNamed(record, name);
    const base = one?.runs.find(({ subject }) => subject === 'go')?.figures.messagesPerCpuSecond?.median;
    if (one === undefined || base === undefined) return [];
    const items = one.runs.flatMap((run) => {
      const rate = run.figures.messagesPerCpuSecond;
      return itemOf(run, run.key, rate && divide(rate, base), (times) => thousands(times * base));
    });
    return [{ title, items }];
  });
  return {
    title: 'Messages per second of server CPU, beside the Go port',
    axis: "multiples of the Go port's median under the same load, the dashed line; longer is better; min to max; in figures: messages per CPU-second",
    scale: 'linear',
    groups,
    ...(groups.length === 0 ? {} : { limit: { value: 1, label: 'the Go port' } }),
    formatTick: shortNumber,
  };
}

function payload(record: BenchRecord): Chart {
  const cases = record.cases.filter(({ name }) => name.startsWith('echo-20x'));
  return {
    title: 'Echo by size of payload, 20 streams',
    axis: 'messages per CPU-second, logarithmic; further right is better; median, min to max',
    scale: 'logarithmic',
    groups: cases.flatMap((one) => groupOf(one.title, one, 'messagesPerCpuSecond')),
    formatTick: shortThousands,
  };
}

function latency(record: BenchRecord): Chart {
  const one = atHalfLoad(caseNamed(record, 'latency'));
  const rate = one?.runs[0]?.figures.offeredPerSecond?.median;
  const figures: readonly Figure[] = ['p50Ms', 'p99Ms', 'p999Ms'];
  return {
    title: 'Latency at half load',
    axis: `milliseconds, logarithmic; further left is better; ${rate === undefined ? '' : `${thousands(rate)} messages a second, `}counted from when each was due`,
    scale: 'logarithmic',
    groups: figures.flatMap((figure) => groupOf(FIGURES[figure].title, one, figure)),
    formatTick: shortNumber,
  };
}

/** The runs at half load under the names of their subjects; records of one rate had no other. */
function atHalfLoad(one: CaseRecord | undefined): CaseRecord | undefined {
  if (one === undefined || one.runs.every(({ variant }) => variant === undefined)) return one;
  const runs = one.runs.filter(({ variant }) => variant === 'half load');
  return { ...one, runs: runs.map((run) => ({ ...run, key: run.subject })) };
}

function scale(record: BenchRecord): Chart {
  const runs = caseNamed(record, 'scale')?.runs ?? [];
  const subjects = [...new Set(runs.map(({ subject }) => subject))];
  const groups = subjects.map((subject): ChartGroup => {
    const items = runs
      .filter((run) => run.subject === subject)
      .flatMap((run) => itemOf(run, run.variant ?? '', costOf(run), (value) => `${threeDigits(value)} µs`));
    return { title: subject, items };
  });
  return {
    title: 'Cost of a message on 20 and on 4,000 connections',
    axis: 'microseconds of server CPU a message, 4,000 under way in all; shorter is better; median, min to max',
    scale: 'linear',
    groups,
    formatTick: shortNumber,
  };
}

/** The inverse of messages per CPU-second: its smallest is the other's largest. */
function costOf({ figures }: RunRecord): Summary | undefined {
  const rate = figures.messagesPerCpuSecond;
  return rate && { median: 1e6 / rate.median, min: 1e6 / rate.max, max: 1e6 / rate.min };
}

function memory(record: BenchRecord): Chart {
  const one = caseNamed(record, 'idle');
  const bar = record.bars.find(({ name }) => name === 'memory');
  const wanted = bar !== undefined && 'atMost' in bar.wanted ? bar.wanted.atMost : undefined;
  const items = (one?.runs ?? []).flatMap((run) => {
    const bytes = run.figures.rssMaxBytes;
    const each = run.figures.rssPerConnectionBytes;
    const told = each === undefined ? '' : `, ${FIGURES.rssPerConnectionBytes.format(each.median)} KiB each`;
    return itemOf(
      run,
      run.subject,
      bytes && divide(bytes, MIB),
      (value) => `${mebibytes(value, wanted).replace(' MiB', '')}${told}`,
    );
  });
  return {
    title: 'Memory of 5,000 idle connections with a session each',
    axis: 'largest resident memory of the server, MiB; shorter is better; median, min to max',
    scale: 'linear',
    groups: items.length === 0 ? [] : [{ title: '5,000 connections', items }],
    ...(wanted === undefined
      ? {}
      : { limit: { value: wanted, label: `wanted: at most ${String(wanted)} MiB` } }),
    formatTick: shortNumber,
  };
}

function divide({ median, min, max }: Summary, by: number): Summary {
  return { median: median / by, min: min / by, max: max / by };
}

function groupOf(title: string, one: CaseRecord | undefined, figure: Figure): ChartGroup[] {
  const items = (one?.runs ?? []).flatMap((run) =>
    itemOf(run, run.key, run.figures[figure], FIGURES[figure].format),
  );
  return items.length === 0 ? [] : [{ title, items }];
}

function itemOf(
  { subject }: RunRecord,
  label: string,
  value: Summary | undefined,
  format: (value: number) => string,
): ChartItem[] {
  return value === undefined ? [] : [{ label, tone: subject, value, text: format(value.median) }];
}

function caseNamed({ cases }: BenchRecord, name: string): CaseRecord | undefined {
  return cases.find((one) => one.name === name);
}

/** `20 k`, `1 M` */
function shortThousands(value: number): string {
  return thousands(value).replace(/\.0+(?= )|(\.\d*[1-9])0+(?= )/, '$1');
}

/** `0.5`, `20`, `250`: as few digits as a tick has. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
