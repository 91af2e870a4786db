import { BARS, type JudgedBar } from './bars.js';
import { FIGURES, threeDigits } from './figures.js';
import type { BenchRecord, RunRecord } from './record.js';
import { barValue, limitOf, spread, verdictText, wantedText } from './report.js';

/** Each target that was missed: by how much, in how many rounds, and the figures behind it. */
export function missedTargets(record: BenchRecord): string {
  const open = record.bars.filter(({ verdict }) => verdict === 'not measured');
  const missed = record.bars.filter(({ verdict }) => verdict === 'MISSED');
  const met = record.bars.length - missed.length - open.length;
  const lead =
    missed.length === 0
      ? `Of ${String(record.bars.length)} targets, ${String(met)} were met and none was missed.`
      : `${String(missed.length)} of ${String(record.bars.length)} targets ${missed.length === 1 ? 'was' : 'were'} missed:`;
  const items = [
    ...missed.map((bar) => `- **${bar.text}**: ${howFar(bar, record.rounds)}${behind(record, bar)}`),
    ...open.map(({ text }) => `- **${text}**: not measured in this run.`),
  ];
  return items.length === 0 ? lead : `${lead}\n\n${items.join('\n')}`;
}

function howFar(bar: JudgedBar, rounds: number): string {
  const { measured, metIn, unit } = bar;
  if (measured === undefined) return '';
  const value = (of: number): string => barValue(of, unit, limitOf(bar));
  const wanted = wantedText(bar).replace('>=', '≥').replace('<=', '≤');
  const often =
    metIn === undefined ? '' : `; ${String(metIn)} of ${String(measured.count ?? rounds)} rounds met it`;
  return `${value(measured.median)} (${spread(measured, value)}) where ${wanted} was wanted, ${verdictText(bar).toLowerCase()}${often}.`;
}

/** What its value was made of. */
function behind(record: BenchRecord, bar: JudgedBar): string {
  const text =
    bar.name === 'memory' ? ofMemory(record) : bar.name === 'scale' ? ofScale(record) : ofPair(record, bar);
  return text === '' ? '' : ` ${text}`;
}

function ofPair(record: BenchRecord, { name }: JudgedBar): string {
  const bar = BARS.find((one) => one.name === name);
  if (bar?.pair === undefined) return '';
  const { figure, of, to } = bar.pair;
  const { format, title } = FIGURES[figure];
  const told = [of, to].flatMap((key) => {
    const summary = runOf(record, bar.case, key)?.figures[figure];
    return summary === undefined ? [] : [`${format(summary.median)} of \`${key}\``];
  });
  return told.length < 2 ? '' : `Medians of ${title}: ${told.join(', ')}.`;
}

function ofMemory(record: BenchRecord): string {
  const told = ['sluice', 'plain'].flatMap((key) => {
    const { rssBeforeBytes: empty, rssPerConnectionBytes: each } = runOf(record, 'idle', key)?.figures ?? {};
    if (empty === undefined || each === undefined) return [];
    const mebibytes = FIGURES.rssBeforeBytes.format(empty.median);
    const kibibytes = FIGURES.rssPerConnectionBytes.format(each.median);
    return [`\`${key}\` takes ${mebibytes} MiB empty and ${kibibytes} KiB a connection`];
  });
  return told.length === 0 ? '' : `${told.join(', ')}.`;
}

function ofScale(record: BenchRecord): string {
  const told = ['sluice', 'go'].flatMap((subject) => {
    const [few, many] = ['20 connections', '4,000 connections'].map((variant) => {
      const rate = runOf(record, 'scale', `${subject}, ${variant}`)?.figures.messagesPerCpuSecond;
      return rate && 1e6 / rate.median;
    });
    if (few === undefined || many === undefined) return [];
    return [`\`${subject}\` ${threeDigits(few)} µs and ${threeDigits(many)} µs`];
  });
  return told.length === 0 ? '' : `A message costs, on 20 and on 4,000 connections: ${told.join(', ')}.`;
}

function runOf({ cases }: BenchRecord, name: string, key: string): RunRecord | undefined {
  return cases.find((one) => one.name === name)?.runs.find((run) => run.key === key);
}
