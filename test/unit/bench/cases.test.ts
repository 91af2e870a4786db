import { describe, expect, it } from 'vitest';
import { BARS, judge } from '../../../bench/harness/bars.js';
import { inOrder, quickened, runKey } from '../../../bench/harness/case.js';
import { CASES } from '../../../bench/harness/cases.js';
import { schema } from '../../../src/config/schema.js';
import { madeUpRounds } from './made-up-record.js';

describe('the cases', () => {
  it('have names of their own, and runs with keys of their own', () => {
    const names = CASES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, runs } of CASES) expect(new Set(runs.map(runKey)).size, name).toBe(runs.length);
  });

  it('compare only runs they have', () => {
    for (const { name, runs, pairs } of CASES) {
      const keys = runs.map(runKey);
      for (const { of, to } of pairs) expect(keys, name).toEqual(expect.arrayContaining([of, to]));
    }
  });

  it('give a single message a frame to StreamData, and batches to nobody who has none', () => {
    for (const { name, runs } of CASES) {
      for (const { subject, load } of runs) {
        if (load.method === 'StreamData') expect(load.batch, name).toBe(1);
        if (subject === 'go') expect(load.method, name).toBe('StreamData');
      }
    }
  });

  it('of scale have equal messages under way', () => {
    const scale = CASES.find(({ name }) => name === 'scale')!;
    const underWay = scale.runs.map(({ load }) => load.streams * load.outstanding);
    expect(new Set(underWay)).toEqual(new Set([4000]));
  });

  it('of stalled clients outlast the time after which the gateway ends them', () => {
    const stalled = CASES.find(({ name }) => name === 'stalled')!;
    expect(stalled.seconds * 1000).toBeGreaterThan(schema.stream.children.sendTimeout.defaultValue);
  });

  it('of scale, of memory and of subscribers have servers that have done nothing else', () => {
    expect(CASES.filter(({ freshServers }) => freshServers).map(({ name }) => name)).toEqual([
      'fan-out',
      'scale',
      'idle',
    ]);
  });

  it('run in turn forwards and backwards', () => {
    expect([1, 2, 3].map((round) => inOrder(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'cba', 'abc']);
  });
});

describe('a quick run', () => {
  const quick = CASES.flatMap((one) => quickened(one) ?? []);

  it('plays every mode', () => {
    const modesOf = (cases: typeof CASES) =>
      new Set(cases.flatMap(({ runs }) => runs.map(({ load }) => load.mode)));
    expect(modesOf(quick)).toEqual(modesOf(CASES));
  });

  it('plays TLS, stalled clients, an open loop, many sessions and batches', () => {
    const loads = quick.flatMap(({ runs }) => runs.map(({ load }) => load));
    expect(loads.some(({ tls }) => tls)).toBe(true);
    expect(loads.some(({ stalled }) => stalled > 0)).toBe(true);
    expect(loads.some(({ rateShare }) => rateShare > 0)).toBe(true);
    expect(loads.some(({ sessionsPerStream }) => sessionsPerStream > 1)).toBe(true);
    expect(loads.some(({ batch }) => batch > 1)).toBe(true);
  });

  it('never makes a load larger, and keeps what a case varies', () => {
    for (const small of quick) {
      const whole = CASES.find(({ name }) => name === small.name)!;
      for (const run of small.runs) {
        const before = whole.runs.find((candidate) => runKey(candidate) === runKey(run))!;
        expect(run.load.connections).toBeLessThanOrEqual(before.load.connections);
        expect(run.load.stalled > 0).toBe(before.load.stalled > 0);
      }
    }
  });
});

describe('the bars', () => {
  it('can each be judged by what their case measures', () => {
    for (const bar of BARS) {
      const benchCase = CASES.find(({ name }) => name === bar.case);
      expect(benchCase, bar.name).toBeDefined();
      expect(judge(bar, madeUpRounds(benchCase!, 3)).verdict, bar.name).not.toBe('not measured');
    }
  });
});
