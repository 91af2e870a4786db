import { describe, expect, it } from 'vitest';
import { BARS, judge, type Bar, type Round } from '../../../bench/harness/bars.js';

const bar = (name: string): Bar => BARS.find((one) => one.name === name)!;

const rates = (sluice: number, go: number): Round => ({
  sluice: { messagesPerCpuSecond: sluice },
  go: { messagesPerCpuSecond: go },
});

describe('judge', () => {
  it('takes the ratio within each round, then the median', () => {
    // Of the medians it would be 300 / 200.
    const judged = judge(bar('echo-opened'), [rates(200, 100), rates(300, 200), rates(900, 400)]);
    expect(judged.measured).toEqual({ median: 2, min: 1.5, max: 2.25, count: 3 });
    expect(judged.verdict).toBe('met');
    expect(judged.margin).toBeCloseTo(2 / 1.5 - 1);
  });

  it('says by how much a least was missed', () => {
    const judged = judge(bar('echo-opened'), [rates(135, 100)]);
    expect(judged.verdict).toBe('MISSED');
    expect(judged.margin).toBeCloseTo(-0.1);
  });

  it('says by how much a most was missed', () => {
    const judged = judge(bar('memory'), [{ sluice: { rssMaxBytes: 319 * 1024 * 1024 } }]);
    expect(judged.verdict).toBe('MISSED');
    expect(judged.margin).toBeCloseTo(-0.1);
  });

  it('is met by exactly what was wanted', () => {
    expect(judge(bar('memory'), [{ sluice: { rssMaxBytes: 290 * 1024 * 1024 } }]).verdict).toBe('met');
    expect(judge(bar('batches'), [rates(300, 100)]).verdict).toBe('met');
  });

  it('judges nothing by half a round', () => {
    const judged = judge(bar('echo-opened'), [{ sluice: { messagesPerCpuSecond: 1 } }]);
    expect(judged).toMatchObject({ verdict: 'not measured' });
    expect(judged).not.toHaveProperty('margin');
  });

  it('judges nothing by fewer than three of its rounds, unless there were no more', () => {
    const half: Round = { sluice: { messagesPerCpuSecond: 1 } };
    const whole = rates(200, 100);
    expect(judge(bar('echo-opened'), [whole, half, whole, half, half]).verdict).toBe('not measured');
    expect(judge(bar('echo-opened'), [whole, half, whole, half, whole]).verdict).toBe('met');
    expect(judge(bar('echo-opened'), [whole, whole]).verdict).toBe('met');
    expect(judge(bar('echo-opened'), []).verdict).toBe('not measured');
  });

  it('divides the growth of the cost, not the cost', () => {
    // Ours costs twice as much on 4,000 connections, theirs four times.
    const round: Round = {
      'sluice, 20 connections': { messagesPerCpuSecond: 400 },
      'sluice, 4,000 connections': { messagesPerCpuSecond: 200 },
      'go, 20 connections': { messagesPerCpuSecond: 200 },
      'go, 4,000 connections': { messagesPerCpuSecond: 50 },
    };
    expect(judge(bar('scale'), [round]).measured?.median).toBeCloseTo(0.5);
  });
});
