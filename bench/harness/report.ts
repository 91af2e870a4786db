import { cpus } from 'node:os';

import type { JudgedBar } from './bars.js';
import { COLUMNS, tells } from './columns.js';
import { FIGURES, threeDigits, type Figure } from './figures.js';
import type { CaseRecord, Failure, RatioRecord, RunRecord } from './record.js';
import type { Summary } from './statistics.js';
import { table } from './table.js';

/** What a terminal may lack: said in the record all the same. */
const LESS_NEEDED: readonly Figure[] = [
  'otherCpuPerSecond',
  'generatorCpuPerSecond',
  'offeredPerSecond',
  'p50Ms',
  'messagesPerSecond',
];
const TERMINAL_COLUMNS = 100;

/** A generator that uses so much of half the machine may be what holds a server back. */
const GENERATOR_SHARE = 0.9;

/** The table of one case, and its ratios, for a terminal of 100 columns. */
export function caseReport(record: CaseRecord, cores = cpus().length): string {
  if (record.runs.length === 0) return 'nothing could be measured';
  const warning = generatorWarning(record, cores);
  return [runTable(record), ...ratioLines(record), ...(warning === '' ? [] : ['', warning])].join('\n');
}

function runTable({ runs, figure: main, group, rounds }: CaseRecord): string {
  const shown = COLUMNS.filter(
    (figure) => tells(figure, group) && runs.some(({ figures }) => figures[figure] !== undefined),
  );
  const of = (figures: readonly Figure[]): string => {
    const head = [
      '',
      ...figures.flatMap((figure) => (figure === main ? [title(figure), 'min..max'] : title(figure))),
    ];
    const rows = runs.map((run) => [
      `${run.key}${roundsNote(run.figures[main], rounds?.length)}`,
      ...figures.flatMap((figure) => cells(run, figure, figure === main)),
    ]);
    return table(head, rows);
  };
  for (let less = 0; less < LESS_NEEDED.length; less += 1) {
    const left = LESS_NEEDED.slice(0, less);
    const text = of(shown.filter((figure) => figure === main || !left.includes(figure)));
    if (Math.max(...text.split('\n').map((line) => line.length)) <= TERMINAL_COLUMNS) return text;
  }
  return of(shown.filter((figure) => figure === main || !LESS_NEEDED.includes(figure)));
}

function title(figure: Figure): string {
  return FIGURES[figure].title;
}

function cells({ figures }: RunRecord, figure: Figure, withSpread: boolean): string[] {
  const { format } = FIGURES[figure];
  const summary = figures[figure];
  const median = summary === undefined ? '-' : format(summary.median);
  return withSpread ? [median, summary === undefined ? '' : spread(summary, format)] : [median];
}

/** `349..384 k`: a unit that both have is said once. */
export function spread({ min, max }: Summary, format: (value: number) => string): string {
  const [low, high] = [format(min), format(max)];
  const unit = / \S+$/.exec(low)?.[0] ?? '';
  return unit !== '' && high.endsWith(unit) ? `${low.slice(0, -unit.length)}..${high}` : `${low}..${high}`;
}

function ratioLines({ ratios }: CaseRecord): string[] {
  const [first] = ratios;
  if (first === undefined) return [];
  const head = [`ratio of ${title(first.figure)}`, 'median', 'min..max'];
  return ['', table(head, ratios.map(ratioRow))];
}

function ratioRow({ of, to, ratio }: RatioRecord): string[] {
  return [`${of} / ${to}`, threeDigits(ratio.median), spread(ratio, threeDigits)];
}

/** ` (1 of 5 rounds)` where some have failed; "" where none has, or it is not known. */
export function roundsNote(summary: Summary | undefined, rounds: number | undefined): string {
  const count = summary?.count;
  if (count === undefined || rounds === undefined || count >= rounds) return '';
  return ` (${String(count)} of ${String(rounds)} rounds)`;
}

/** `go, in round 2: what it said` */
export function failureText({ run, message, round }: Failure): string {
  return `${run}${round === undefined ? '' : `, in round ${String(round)}`}: ${message}`;
}

/** "" where the generator had the time it needed. */
export function generatorWarning({ runs }: CaseRecord, cores: number): string {
  const limit = (GENERATOR_SHARE * cores) / 2;
  const busy = runs.filter(({ figures }) => (figures.generatorCpuPerSecond?.median ?? 0) > limit);
  if (busy.length === 0) return '';
  const names = busy.map(({ key }) => key).join('; ');
  return [
    `the generator used more than ${limit.toFixed(1)} of ${String(cores)} cores with: ${names}`,
    'messages per second and latencies may be its own there; messages per server CPU-second are not',
  ].join('\n');
}

/** `>= 1.50`, `<= 290 MiB` */
export function wantedText({ wanted, unit }: Pick<JudgedBar, 'wanted' | 'unit'>): string {
  return 'atLeast' in wanted ? `>= ${barValue(wanted.atLeast, unit)}` : `<= ${barValue(wanted.atMost, unit)}`;
}

/** As near to its limit, as a part of it, a size is told with a decimal: it may decide. */
const NEAR = 0.02;

/** `limit`: what the value is held against. */
export function barValue(value: number, unit: JudgedBar['unit'], limit?: number): string {
  return unit === 'MiB' ? mebibytes(value, limit) : value.toFixed(2);
}

/** `312 MiB`; beside a limit of 290: `290.4 MiB`. */
export function mebibytes(value: number, limit?: number): string {
  const isNear = limit !== undefined && Math.abs(value / limit - 1) < NEAR;
  return `${value.toFixed(isNear ? 1 : 0)} MiB`;
}

export function limitOf({ wanted }: Pick<JudgedBar, 'wanted'>): number {
  return 'atLeast' in wanted ? wanted.atLeast : wanted.atMost;
}

/** `met by 12 %`, `MISSED by 0.3 %`, `not measured` */
export function verdictText({ verdict, margin }: Pick<JudgedBar, 'verdict' | 'margin'>): string {
  if (margin === undefined) return verdict;
  const percent = Math.abs(margin) * 100;
  if (percent < 0.05) return `${verdict} by <0.1 %`;
  return `${verdict} by ${percent.toFixed(percent < 1 ? 1 : 0)} %`;
}

export function barsReport(bars: readonly JudgedBar[]): string {
  const rows = bars.map((bar) => [
    bar.text,
    bar.measured === undefined ? '-' : barValue(bar.measured.median, bar.unit, limitOf(bar)),
    wantedText(bar),
    verdictText(bar),
  ]);
  return table(['target', 'measured', 'wanted', ''], rows);
}
