import { describe, expect, it } from 'vitest';
import { thousands, threeDigits } from '../../../bench/harness/figures.js';
import { remaining } from '../../../bench/harness/progress.js';
import {
  barsReport,
  barValue,
  caseReport,
  spread,
  verdictText,
  wantedText,
} from '../../../bench/harness/report.js';
import { table } from '../../../bench/harness/table.js';
import { CASES } from '../../../bench/harness/cases.js';
import { recordCase } from '../../../bench/harness/record.js';
import { madeUpRecord, madeUpRounds } from './made-up-record.js';

const TERMINAL_COLUMNS = 100;
const record = madeUpRecord();

describe('the report in a terminal', () => {
  it.each(record.cases.map((one) => [one.name, one] as const))('%s fits into 100 columns', (_, one) => {
    for (const line of caseReport(one, 2).split('\n'))
      expect(line.length).toBeLessThanOrEqual(TERMINAL_COLUMNS);
  });

  it('names every run and every ratio', () => {
    for (const one of record.cases) {
      const report = caseReport(one, 2);
      for (const { key } of one.runs) expect(report).toContain(key);
      for (const { of, to } of one.ratios) expect(report).toContain(`${of} / ${to}`);
    }
  });

  it('shows the bars, within 100 columns, each with by how much', () => {
    const lines = barsReport(record.bars).split('\n').slice(1);
    expect(lines).toHaveLength(record.bars.length);
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(TERMINAL_COLUMNS);
      expect(line).toMatch(/(met|MISSED) by [\d.]+ %$/);
    }
  });

  it('warns of a generator that may be what holds a server back', () => {
    const [one] = record.cases;
    // 0.8 of a core: too much where half the machine is one core at nine tenths, not where it is four.
    expect(caseReport(one!, 1)).toContain('the generator used more than');
    expect(caseReport(one!, 8)).not.toContain('the generator used more than');
  });

  it('tells of how many rounds a figure is where some have failed', () => {
    const [one] = CASES;
    const [first, ...others] = madeUpRounds(one!, 5);
    const withoutGo = others.map(({ go: _, ...kept }) => kept);
    const report = caseReport(recordCase(one!, [first!, ...withoutGo]), 2);
    expect(report).toContain('go (1 of 5 rounds)');
    expect(report).not.toContain('sluice (');
  });

  it('shows what CPU the servers use where load is given, not where they take what they get', () => {
    const named = (name: string) =>
      caseReport(
        record.cases.find((one) => one.name === name)!,
        2,
      );
    expect(named('latency')).toContain('srv CPU');
    expect(named('echo-20x256b')).not.toContain('srv CPU');
  });

  it('says so when nothing could be measured', () => {
    expect(caseReport({ ...record.cases[0]!, runs: [], ratios: [] }, 2)).toBe('nothing could be measured');
  });
});

describe('words and numbers', () => {
  it('keeps three digits', () => {
    expect([812.4, 57_123, 413_400, 2_414_000].map(thousands)).toEqual(['812', '57.1 k', '413 k', '2.41 M']);
    expect([0.4123, 3.081, 57.12, 812.4].map(threeDigits)).toEqual(['0.412', '3.08', '57.1', '812']);
  });

  it('says a unit once', () => {
    expect(spread({ median: 0, min: 349_000, max: 384_000 }, thousands)).toBe('349..384 k');
    expect(spread({ median: 0, min: 949_000, max: 1_384_000 }, thousands)).toBe('949 k..1.38 M');
    expect(spread({ median: 0, min: 1, max: 2 }, threeDigits)).toBe('1.00..2.00');
  });

  it('tells a bar in words', () => {
    expect(wantedText({ wanted: { atMost: 290 }, unit: 'MiB' })).toBe('<= 290 MiB');
    expect(wantedText({ wanted: { atLeast: 1.5 }, unit: 'ratio' })).toBe('>= 1.50');
    expect(verdictText({ verdict: 'MISSED', margin: -0.034 })).toBe('MISSED by 3 %');
    expect(verdictText({ verdict: 'MISSED', margin: -0.0034 })).toBe('MISSED by 0.3 %');
    expect(verdictText({ verdict: 'not measured' })).toBe('not measured');
  });

  it('tells a size with a decimal where that may decide', () => {
    expect(barValue(290.4, 'MiB', 290)).toBe('290.4 MiB');
    expect(barValue(312.4, 'MiB', 290)).toBe('312 MiB');
    expect(barValue(290, 'MiB')).toBe('290 MiB');
  });

  it('tells how long it takes', () => {
    expect([1, 42, 89, 1_800].map(remaining)).toEqual([
      'about 5 s left',
      'about 40 s left',
      'about 90 s left',
      'about 30 min left',
    ]);
  });

  it('aligns the first column to the left, the others to the right', () => {
    expect(
      table(
        ['', 'b'],
        [
          ['long', '1'],
          ['x', '100'],
        ],
      ),
    ).toBe('        b\nlong    1\nx     100');
  });
});
