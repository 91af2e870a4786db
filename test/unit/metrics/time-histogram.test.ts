import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROCESSING_BUCKETS_MS } from '../../../src/metrics/stream-metrics.js';
import { TimeHistogram } from '../../../src/metrics/time-histogram.js';

describe('TimeHistogram', () => {
  it('counts a value at a bound below it, and what is above all bounds apart', () => {
    const histogram = new TimeHistogram([1, 10]);
    histogram.observe(1);
    histogram.observe(1.001, 2);
    histogram.observe(11);
    expect(histogram.counts).toEqual([1, 2, 1]);
    expect(histogram.count).toBe(4);
    expect(histogram.sumMs).toBeCloseTo(14.002);
  });

  it('spreads a bucket evenly, and answers the last bound for what lies above it', () => {
    const histogram = new TimeHistogram([10, 20]);
    histogram.observe(15, 4);
    expect(histogram.quantileMs(0.5)).toBe(15);
    expect(histogram.quantileMs(1)).toBe(20);
    histogram.observe(1_000, 100);
    expect(histogram.quantileMs(0.99)).toBe(20);
    expect(new TimeHistogram([10]).quantileMs(0.5)).toBe(0);
    expect(new TimeHistogram([10]).meanMs).toBe(0);
  });

  it('finds a quantile in the bucket of the true one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 9_999, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, quantile) => {
          const histogram = new TimeHistogram(PROCESSING_BUCKETS_MS);
          for (const value of values) histogram.observe(value);
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(quantile * values.length) - 1)] ?? 0;
          const upper = PROCESSING_BUCKETS_MS.find((bound) => exact <= bound) ?? Infinity;
          const lower = PROCESSING_BUCKETS_MS.filter((bound) => bound < exact).at(-1) ?? 0;
          const estimate = histogram.quantileMs(quantile);
          expect(estimate).toBeGreaterThanOrEqual(lower);
          expect(estimate).toBeLessThanOrEqual(upper);
        },
      ),
    );
  });

  it('tells what was observed between two snapshots', () => {
    const histogram = new TimeHistogram([1, 10]);
    histogram.observe(5, 3);
    const before = histogram.snapshot();
    histogram.observe(0.5);
    histogram.observe(100);
    const between = histogram.since(before);
    expect(between.counts).toEqual([1, 0, 1]);
    expect([between.count, between.sumMs]).toEqual([2, 100.5]);
    expect(before.count).toBe(3);
    expect(histogram.count).toBe(5);
  });
});
