import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatencyHistogram } from '../../../../src/cli/talk/latency-histogram.js';

test('count, least, greatest and mean are exact; quantiles are within 2 % of the truth', () => {
  const times = fc.array(fc.double({ min: 0.002, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(times, fc.constantFrom(0, 0.01, 0.5, 0.9, 0.99, 1), (all, share) => {
      const histogram = new LatencyHistogram();
      for (const ms of all) histogram.record(ms);
      const sorted = [...all].sort((a, b) => a - b);
      expect(histogram.count).toBe(all.length);
      expect(histogram.minMs).toBe(sorted[0]);
      expect(histogram.maxMs).toBe(sorted.at(-1));
      expect(histogram.meanMs).toBeCloseTo(all.reduce((sum, ms) => sum + ms, 0) / all.length, 3);
      const truth = sorted[Math.max(1, Math.ceil(share * all.length)) - 1] ?? 0;
      expect(Math.abs(histogram.quantileMs(share) - truth)).toBeLessThanOrEqual(truth * 0.02);
    }),
  );
});

test('the rows hold all there is, side by side', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e8, noNaN: true }), { maxLength: 200 }), (all) => {
      const histogram = new LatencyHistogram();
      for (const ms of all) histogram.record(ms);
      const rows = histogram.rows(8);
      expect(rows.length).toBeLessThanOrEqual(8);
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(all.length);
      for (const [index, { fromMs }] of rows.entries()) {
        if (index > 0) expect(fromMs).toBe(rows[index - 1]?.toMs);
      }
    }),
  );
});

test('nothing recorded, or nothing any more', () => {
  const histogram = new LatencyHistogram();
  histogram.record(5);
  histogram.clear();
  expect(histogram).toMatchObject({ count: 0, minMs: 0, maxMs: 0, meanMs: 0 });
  expect(histogram.quantileMs(0.5)).toBe(0);
  expect(histogram.rows(8)).toEqual([]);
});
