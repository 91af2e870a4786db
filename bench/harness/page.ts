import { GROUPS, type Group } from './case.js';
import { COLUMNS, tells } from './columns.js';
import { FIGURES, threeDigits, type Figure } from './figures.js';
import { loadsTable } from './loads-table.js';
import { DISTURBED_CORES } from './machine-meter.js';
import { markdownTable } from './markdown.js';
import { missedTargets } from './missed-targets.js';
import { peersAhead } from './peers-ahead.js';
import type { BenchRecord, CaseRecord, RatioRecord, RunRecord } from './record.js';
import {
  barValue,
  failureText,
  generatorWarning,
  limitOf,
  roundsNote,
  spread,
  verdictText,
  wantedText,
} from './report.js';
import { sizingTables } from './sizing.js';
import { SUBJECT_NAMES } from './subjects.js';
import { trialReasons } from './trial.js';

const GIB = 1024 ** 3;

const GROUP_TITLES: Readonly<Record<Group, string>> = {
  echo: 'Echo',
  batches: 'Batches',
  'fan-out': 'Fan-out',
  ingest: 'Ingest',
  latency: 'Latency',
  planned: 'Latency at what is planned with',
  stalled: 'Stalled clients',
  sessions: 'Sessions on a stream',
  tls: 'TLS',
  unary: 'Streams and unary calls',
  scale: 'From 20 to 4,000 connections',
  idle: 'Idle connections',
};

/** What docs/performance.md has between its markers. */
export function sectionsOf(record: BenchRecord): Readonly<Record<string, string>> {
  return {
    run: runSection(record),
    bars: barsSection(record),
    missed: missedTargets(record),
    ahead: peersAhead(record),
    results: results(record),
    sizing: sizingTables(record),
  };
}

function runSection(record: BenchRecord): string {
  const { machine, source, rest } = record;
  const rows = [
    ['when', `${record.stamp.slice(0, 16).replace('T', ' ')} UTC, ${record.minutes.toFixed(0)} minutes`],
    ['command', `\`${record.command}\``],
    ...(source === undefined
      ? []
      : [
          ['source', `\`${source.commit}\`${source.changed ? ', with changes that were not committed' : ''}`],
        ]),
    ['rounds', String(record.rounds)],
    [
      'machine',
      `${machine.cpu}, ${String(machine.cores)} cores, ${(machine.memoryBytes / GIB).toFixed(0)} GiB`,
    ],
    ['system', `${machine.system}, node ${machine.node.slice(1)}, ${machine.go}`],
    ['load before it began', machine.loadBefore.toFixed(1)],
    ...(rest === undefined
      ? []
      : [
          [
            'disturbed runs',
            `${String(rest.disturbed)} of ${String(rest.runs)} (others used more than ${String(DISTURBED_CORES)} of a core; ${String(rest.repeated)} were measured again for it)`,
          ],
        ]),
    ['load generator', record.generator],
    ...Object.entries(record.runtimes).map(([subject, runtime]) => [`\`${subject}\``, runtime]),
    ...laterRows(record),
    ...[...record.failures, ...record.omissions].map((missing) => [
      'missing',
      `${missing.case}, ${failureText(missing)}`,
    ]),
  ];
  const table = markdownTable(['', ''], rows, ['left', 'left']);
  const reasons = trialReasons(record);
  return reasons.length === 0 ? table : `**A trial, not a result: ${reasons.join('; ')}.**\n\n${table}`;
}

/** Cases that went into the record after the others: one row for each time. */
function laterRows({ cases }: BenchRecord): string[][] {
  const names = new Map<string, string[]>();
  for (const { name, later } of cases) {
    if (later === undefined) continue;
    const when = `${later.stamp.slice(0, 16).replace('T', ' ')} UTC, ${later.source?.commit ?? 'of no known commit'}`;
    names.set(when, [...(names.get(when) ?? []), name]);
  }
  return [...names].map(([when, of]) => ['measured later', `${of.join(', ')}: ${when}`]);
}

function barsSection({ bars, rounds }: BenchRecord): string {
  const rows = bars.map((bar) => [
    bar.text,
    wantedText(bar).replace('>=', '≥').replace('<=', '≤'),
    bar.measured === undefined ? '-' : barValue(bar.measured.median, bar.unit, limitOf(bar)),
    bar.measured === undefined
      ? ''
      : spread(bar.measured, (value) => barValue(value, bar.unit, limitOf(bar))),
    `${bar.verdict === 'MISSED' ? `**${verdictText(bar)}**` : verdictText(bar)}${roundsNote(bar.measured, rounds)}`,
  ]);
  return markdownTable(['target', 'wanted', 'measured', 'min..max', ''], rows, [
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
    return [
      `### ${GROUP_TITLES[group]}`,
      ...loadsTable(cases),
      groupTable(cases, record.rounds),
      ...warnings(cases, record.machine.cores),
      details(cases, record.rounds),
    ];
  }).join('\n\n');
}

/** What the generator may have held back, as in the terminal. */
function warnings(cases: readonly CaseRecord[], cores: number): string[] {
  return cases.flatMap((one) => {
    const text = generatorWarning(one, cores);
    if (text === '') return [];
    return [`${cases.length > 1 ? `${capital(one.title)}: ` : ''}${text.replace('\n', '; ')}.`];
  });
}

/** The main figure: a row for each load, a column for each subject, then Sluice's ratios. */
function groupTable(cases: readonly CaseRecord[], rounds: number): string {
  const figure = cases[0]?.figure ?? 'messagesPerCpuSecond';
  const subjects = SUBJECT_NAMES.filter((name) =>
    cases.some(({ runs }) => runs.some((run) => run.subject === name)),
  );
  const lead = subjects.filter((name) => name.startsWith('sluice'));
  const peers = subjects.filter((name) => name === 'go' || name === 'plain');
  const pairs = peers.flatMap((to) => lead.map((of) => ({ of, to })));
  const shown = pairs.filter(({ of, to }) =>
    cases.some((one) => variantsOf(one).some((variant) => ratioText(one, of, to, variant) !== '')),
  );
  const rows = cases.flatMap((one) =>
    variantsOf(one).map((variant) => [
      variant ?? one.title,
      ...subjects.map((subject) => medianText(one, subject, variant, figure, rounds)),
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

function medianText(
  one: CaseRecord,
  subject: string,
  variant: string | undefined,
  figure: Figure,
  rounds: number,
): string {
  const run = one.runs.find((candidate) => candidate.subject === subject && candidate.variant === variant);
  const summary = run?.figures[figure];
  if (summary === undefined) return '';
  return `${FIGURES[figure].format(summary.median)}${roundsNote(summary, rounds)}`;
}

function ratioText(one: CaseRecord, of: string, to: string, variant?: string): string {
  const suffix = variant === undefined ? '' : `, ${variant}`;
  const found = one.ratios.find((ratio) => ratio.of === `${of}${suffix}` && ratio.to === `${to}${suffix}`);
  return found === undefined ? '' : threeDigits(found.ratio.median);
}

/** Every figure of every run, with the range of the main one; folded away where pages can. */
function details(cases: readonly CaseRecord[], rounds: number): string {
  const figure = cases[0]?.figure ?? 'messagesPerCpuSecond';
  const runs = cases.flatMap((one) => one.runs);
  const shown = COLUMNS.filter(
    (side) =>
      side !== figure &&
      runs.some(({ figures }) => figures[side] !== undefined) &&
      cases.some(({ group }) => tells(side, group)),
  );
  const rows = cases.flatMap((one) =>
    one.runs.map((run) => detailRow(run, figure, shown, cases.length > 1 ? `${one.title}: ` : '', rounds)),
  );
  const head = ['', FIGURES[figure].title, 'min..max', ...shown.map((side) => FIGURES[side].title)];
  const across = cases.flatMap(({ ratios }) => ratios.filter(isAcross));
  const acrossRows = across.map(({ of, to, ratio }) => [
    `${of} / ${to}`,
    threeDigits(ratio.median),
    spread(ratio, threeDigits),
  ]);
  const more =
    acrossRows.length === 0
      ? ''
      : `\n\n${markdownTable([`ratio of ${FIGURES[figure].title}`, 'median', 'min..max'], acrossRows)}`;
  return `<details><summary>All figures</summary>\n\n${markdownTable(head, rows)}${more}\n\n</details>`;
}

/** Between two loads: with itself, or a stream with another's calls. Those of one load have their columns. */
function isAcross({ of, to }: RatioRecord): boolean {
  return variantIn(of) !== variantIn(to);
}

function variantIn(key: string): string {
  const at = key.indexOf(', ');
  return at < 0 ? '' : key.slice(at + 2);
}

function detailRow(
  run: RunRecord,
  figure: Figure,
  shown: readonly Figure[],
  lead: string,
  rounds: number,
): string[] {
  const summary = run.figures[figure];
  const { format } = FIGURES[figure];
  return [
    `${lead}${run.key}${roundsNote(summary, rounds)}`,
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
