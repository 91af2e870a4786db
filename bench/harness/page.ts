import { GROUPS, type Group } from './case.js';
import { FIGURES, threeDigits, type Figure } from './figures.js';
import { markdownTable } from './markdown.js';
import type { BenchRecord, CaseRecord, RunRecord } from './record.js';
import { barValue, spread, verdictText, wantedText } from './report.js';
import { sizingTables } from './sizing.js';
import { SUBJECT_NAMES } from './subjects.js';

/** Below, a median is as good as a single figure. */
const ENOUGH_ROUNDS = 5;

const GIB = 1024 ** 3;

const GROUP_TITLES: Readonly<Record<Group, string>> = {
  echo: 'Echo',
  batches: 'Batches',
  'fan-out': 'Fan-out',
  ingest: 'Ingest',
  latency: 'Latency',
  stalled: 'Stalled clients',
  sessions: 'Sessions on a stream',
  tls: 'TLS',
  unary: 'Streams and unary calls',
  scale: 'From 20 to 4,000 connections',
  idle: 'Idle connections',
};

/** Shown after the main figure, where a case has them. */
const SIDE_FIGURES: readonly Figure[] = [
  'messagesPerCpuSecond',
  'messagesPerSecond',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'rssMaxBytes',
  'rssPerConnectionBytes',
  'rssGrowth',
  'stalledReopened',
  'lateShare',
  'generatorCpuPerSecond',
];

/** What docs/performance.md has between its markers. */
export function sectionsOf(record: BenchRecord): Readonly<Record<string, string>> {
  return {
    run: runSection(record),
    bars: barsSection(record),
    results: results(record),
    sizing: sizingTables(record),
  };
}

function runSection(record: BenchRecord): string {
  const { machine } = record;
  const rows = [
    ['when', `${record.stamp.slice(0, 16).replace('T', ' ')} UTC, ${record.minutes.toFixed(0)} minutes`],
    ['command', `\`${record.command}\``],
    ['rounds', String(record.rounds)],
    [
      'machine',
      `${machine.cpu}, ${String(machine.cores)} cores, ${(machine.memoryBytes / GIB).toFixed(0)} GiB`,
    ],
    ['system', `${machine.system}, node ${machine.node.slice(1)}, ${machine.go}`],
    ['load before it began', machine.loadBefore.toFixed(1)],
    ['load generator', record.generator],
    ...Object.entries(record.runtimes).map(([subject, runtime]) => [`\`${subject}\``, runtime]),
    ...[...record.failures, ...record.omissions].map((missing) => [
      'missing',
      `${missing.case}, ${missing.run}: ${missing.message}`,
    ]),
  ];
  const table = markdownTable(['', ''], rows, ['left', 'left']);
  if (record.rounds >= ENOUGH_ROUNDS) return table;
  return `**A trial of ${String(record.rounds)} rounds, not a result: medians want ${String(ENOUGH_ROUNDS)}.**\n\n${table}`;
}

function barsSection({ bars }: BenchRecord): string {
  const rows = bars.map((bar) => [
    bar.text,
    wantedText(bar).replace('>=', '≥').replace('<=', '≤'),
    bar.measured === undefined ? '-' : barValue(bar.measured.median, bar.unit),
    bar.measured === undefined ? '' : spread(bar.measured, (value) => barValue(value, bar.unit)),
    bar.verdict === 'MISSED' ? `**${verdictText(bar)}**` : verdictText(bar),
  ]);
  return markdownTable(['bar', 'wanted', 'measured', 'min..max', ''], rows, [
    'left',
    'right',
    'right',
    'right',
    'left',
  ]);
}

function results(record: BenchRecord): string {
  return GROUPS.flatMap((group) => {
    const cases = record.cases.filter((one) => one.group === group && one.runs.length > 0);
    if (cases.length === 0) return [];
    return [`### ${GROUP_TITLES[group]}`, groupTable(cases), details(cases)];
  }).join('\n\n');
}

/** The main figure: a row for each load, a column for each subject, then Sluice's ratios. */
function groupTable(cases: readonly CaseRecord[]): string {
  const figure = cases[0]?.figure ?? 'messagesPerCpuSecond';
  const subjects = SUBJECT_NAMES.filter((name) =>
    cases.some(({ runs }) => runs.some((run) => run.subject === name)),
  );
  const lead = subjects.filter((name) => name.startsWith('sluice'));
  const peers = subjects.filter((name) => name === 'go' || name === 'plain');
  const pairs = peers.flatMap((to) => lead.map((of) => ({ of, to })));
  const shown = pairs.filter(({ of, to }) => cases.some((one) => ratioText(one, of, to) !== ''));
  const rows = cases.flatMap((one) =>
    variantsOf(one).map((variant) => [
      variant ?? one.title,
      ...subjects.map((subject) => medianText(one, subject, variant, figure)),
      ...shown.map(({ of, to }) => ratioText(one, of, to, variant)),
    ]),
  );
  const head = [FIGURES[figure].title, ...subjects, ...shown.map(({ of, to }) => `${of} / ${to}`)];
  const intro =
    cases.length === 1 && variantsOf(cases[0]!).length > 1 ? `${capital(cases[0]!.title)}.\n\n` : '';
  return `${intro}${markdownTable(head, rows)}`;
}

function variantsOf({ runs }: CaseRecord): readonly (string | undefined)[] {
  return [...new Set(runs.map(({ variant }) => variant))];
}

function medianText(one: CaseRecord, subject: string, variant: string | undefined, figure: Figure): string {
  const run = one.runs.find((candidate) => candidate.subject === subject && candidate.variant === variant);
  const summary = run?.figures[figure];
  return summary === undefined ? '' : FIGURES[figure].format(summary.median);
}

function ratioText(one: CaseRecord, of: string, to: string, variant?: string): string {
  const suffix = variant === undefined ? '' : `, ${variant}`;
  const found = one.ratios.find((ratio) =>
    variant === undefined
      ? ratio.of.split(',')[0] === of && ratio.to.split(',')[0] === to
      : ratio.of === `${of}${suffix}` && ratio.to === `${to}${suffix}`,
  );
  return found === undefined ? '' : threeDigits(found.ratio.median);
}

/** Every figure of every run, with the range of the main one; folded away where pages can. */
function details(cases: readonly CaseRecord[]): string {
  const figure = cases[0]?.figure ?? 'messagesPerCpuSecond';
  const runs = cases.flatMap((one) => one.runs);
  const shown = SIDE_FIGURES.filter(
    (side) =>
      side !== figure &&
      runs.some(({ figures }) => figures[side] !== undefined) &&
      (side !== 'rssGrowth' || cases.some(({ group }) => group === 'stalled')),
  );
  const rows = cases.flatMap((one) =>
    one.runs.map((run) => detailRow(one, run, figure, shown, cases.length > 1)),
  );
  const head = ['', FIGURES[figure].title, 'min..max', ...shown.map((side) => FIGURES[side].title)];
  const own = cases.flatMap(({ ratios }) =>
    ratios.filter(({ of, to }) => of.split(',')[0] === to.split(',')[0]),
  );
  const withItself = own.map(({ of, to, ratio }) => [
    `${of} / ${to}`,
    threeDigits(ratio.median),
    spread(ratio, threeDigits),
  ]);
  const more =
    withItself.length === 0
      ? ''
      : `\n\n${markdownTable([`ratio of ${FIGURES[figure].title}`, 'median', 'min..max'], withItself)}`;
  return `<details><summary>All figures</summary>\n\n${markdownTable(head, rows)}${more}\n\n</details>`;
}

function detailRow(
  one: CaseRecord,
  run: RunRecord,
  figure: Figure,
  shown: readonly Figure[],
  withTitle: boolean,
): string[] {
  const summary = run.figures[figure];
  const { format } = FIGURES[figure];
  return [
    withTitle ? `${one.title}: ${run.key}` : run.key,
    summary === undefined ? '' : format(summary.median),
    summary === undefined ? '' : spread(summary, format),
    ...shown.map((side) => {
      const value = run.figures[side];
      return value === undefined ? '' : FIGURES[side].format(value.median);
    }),
  ];
}

function capital(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
