import { describe, expect, it } from 'vitest';
import { CASES } from '../../../bench/harness/cases.js';
import { condense, parseRecord, recordCase } from '../../../bench/harness/record.js';
import { rssFigures } from '../../../bench/harness/rss-sampler.js';
import { madeUpRecord, madeUpRounds } from './made-up-record.js';

const echo = CASES.find(({ name }) => name === 'echo-20x256b')!;

describe('recordCase', () => {
  it('takes each figure and ratio over the rounds that have it', () => {
    const [first, second, third] = madeUpRounds(echo, 3);
    const { go: _, ...withoutGo } = second!;
    const record = recordCase(echo, [first!, withoutGo, third!]);
    const go = record.runs.find(({ key }) => key === 'go')!;
    const rates = [first!['go']!.messagesPerCpuSecond!, third!['go']!.messagesPerCpuSecond!];
    expect(go.figures.messagesPerCpuSecond).toEqual({
      median: (rates[0]! + rates[1]!) / 2,
      min: rates[0],
      max: rates[1],
      count: 2,
    });
    expect(record.ratios.find(({ of, to }) => of === 'sluice' && to === 'go')).toBeDefined();
  });

  it('leaves out what no round has', () => {
    const rounds = madeUpRounds(echo, 2).map(({ plain: _, ...others }) => others);
    const record = recordCase(echo, rounds);
    expect(record.runs.map(({ key }) => key)).not.toContain('plain');
    expect(record.ratios.filter(({ to }) => to === 'plain')).toEqual([]);
  });
});

describe('condense', () => {
  const condensed = condense(madeUpRecord());

  it('keeps the medians in four digits and not the rounds', () => {
    expect(condensed.minutes).toBe(28.12);
    expect(condensed.cases[0]).not.toHaveProperty('rounds');
    expect(condensed.machine.memoryBytes).toBe(8 * 1024 ** 3);
    expect(condensed.cases).toHaveLength(CASES.length);
  });

  it('changes nothing when done again', () => {
    expect(condense(condensed)).toEqual(condensed);
  });

  it('holds no path and no name of a machine', () => {
    const text = JSON.stringify(condensed);
    expect(text).not.toMatch(/\/(home|root|work|tmp|Users)\//);
  });
});

describe('parseRecord', () => {
  it('reads what was written', () => {
    const record = condense(madeUpRecord());
    expect(parseRecord(JSON.stringify(record))).toEqual(record);
  });

  it.each(['{}', '{"format":0,"cases":[],"bars":[]}', '{"format":1}'])('refuses %s', (text) => {
    expect(() => parseRecord(text)).toThrow(/not a record/);
  });
});

describe('rssFigures', () => {
  it('compares the last third with the middle one', () => {
    expect(rssFigures([10, 50, 90, 100, 100, 100, 110, 110, 110])).toEqual({
      rssBeforeBytes: 10,
      rssMaxBytes: 110,
      rssGrowth: 1.1,
    });
  });

  it('takes the thirds of the measured interval alone, the largest of all', () => {
    const warming = [10, 500, 50, 60];
    const after = [1_000];
    expect(rssFigures([...warming, 1, 1, 100, 100, 120, 120, ...after], 4, 10)).toEqual({
      rssBeforeBytes: 10,
      rssMaxBytes: 1_000,
      rssGrowth: 1.2,
    });
  });

  it('knows nothing without samples, and no growth of two', () => {
    expect(rssFigures([])).toEqual({});
    expect(rssFigures([5, 6])).toEqual({ rssBeforeBytes: 5, rssMaxBytes: 6 });
  });
});
