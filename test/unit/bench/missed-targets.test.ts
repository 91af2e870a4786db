import { describe, expect, it } from 'vitest';
import { missedTargets } from '../../../bench/harness/missed-targets.js';
import { peersAhead } from '../../../bench/harness/peers-ahead.js';
import type { BenchRecord } from '../../../bench/harness/record.js';
import { madeUpRecord } from './made-up-record.js';

const record = madeUpRecord();
const judged = (name: string, values: object): BenchRecord => ({
  ...record,
  bars: record.bars.map((bar) => {
    const met = { ...bar, verdict: 'met' as const };
    return bar.name === name ? { ...met, ...values } : met;
  }),
});
const missed = (name: string): string =>
  missedTargets(
    judged(name, {
      verdict: 'MISSED',
      margin: -0.1,
      metIn: 1,
      measured: { median: 1.35, min: 1.2, max: 1.6, count: 3 },
    }),
  );

describe('what was missed', () => {
  it('is told with by how much, how often not, and what was divided', () => {
    const text = missed('echo-opened');
    expect(text).toContain('1 of 10 targets was missed');
    expect(text).toContain(
      '1.35 (1.20..1.60) where ≥ 1.50 was wanted, missed by 10 %; 1 of 3 rounds met it.',
    );
    expect(text).toMatch(/Medians of msg\/CPU-s: \d+ k of `sluice`, \d+ k of `go`\./);
    expect(text.split('\n- ')).toHaveLength(2);
  });

  it('of memory is told with what an empty process and a connection take', () => {
    expect(missed('memory')).toContain(
      '`sluice` takes 60 MiB empty and 31.5 KiB a connection, `plain` takes',
    );
  });

  it('of scale is told with what a message costs on few connections and on many', () => {
    expect(missed('scale')).toMatch(/on 20 and on 4,000 connections: `sluice` [\d.]+ µs and [\d.]+ µs, `go`/);
  });

  it('is nothing where all were met; what was not measured is not met', () => {
    expect(missedTargets(judged('', {}))).toBe('Of 10 targets, 10 were met and none was missed.');
    const open = missedTargets(judged('scale', { verdict: 'not measured' }));
    expect(open).toContain('9 were met');
    expect(open).toMatch(/growth of cost.*not measured in this run/);
  });
});

describe('where a peer is ahead', () => {
  const ratios = [
    {
      of: 'sluice',
      to: 'go',
      figure: 'messagesPerCpuSecond',
      ratio: { median: 0.5, min: 0.4, max: 0.6, count: 2 },
    },
    { of: 'sluice-simple', to: 'go', figure: 'messagesPerCpuSecond', ratio: { median: 2, min: 2, max: 2 } },
    { of: 'sluice', to: 'plain', figure: 'messagesPerCpuSecond', ratio: { median: 0.98, min: 0.9, max: 1 } },
    {
      of: 'sluice',
      to: 'sluice-simple',
      figure: 'messagesPerCpuSecond',
      ratio: { median: 0.1, min: 0, max: 1 },
    },
    { of: 'sluice', to: 'http2', figure: 'messagesPerCpuSecond', ratio: { median: 0.1, min: 0, max: 1 } },
  ] as const;
  const latency = [
    { of: 'sluice, fast', to: 'go, fast', figure: 'p99Ms', ratio: { median: 3, min: 2, max: 4 } },
    { of: 'sluice, slow', to: 'go, slow', figure: 'p99Ms', ratio: { median: 0.3, min: 0.2, max: 0.4 } },
    { of: 'sluice, fast', to: 'go, slow', figure: 'p99Ms', ratio: { median: 9, min: 9, max: 9 } },
  ] as const;
  const [first, second] = record.cases;
  const cases = [
    { ...first!, title: 'a load', ratios },
    { ...second!, title: 'others', ratios: latency },
  ];

  it('is each ratio on the wrong side of 1 under one load, the worst first', () => {
    const rows = peersAhead({ ...record, cases })
      .split('\n')
      .slice(2);
    expect(rows).toEqual([
      '| others: fast | sluice / go | p99 ms | 3.00 | 2.00..4.00 |',
      '| a load | sluice / go | msg/CPU-s | 0.500 (2 of 3 rounds) | 0.400..0.600 |',
    ]);
  });

  it('may be nowhere', () => {
    expect(peersAhead({ ...record, cases: [] })).toMatch(/^Nowhere/);
  });
});
