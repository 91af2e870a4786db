import { describe, expect, it } from 'vitest';
import { fullJitterMs } from '../../../src/flow/backoff.js';

const limits = { firstMs: 100, maxMs: 30_000 };

describe('fullJitterMs', () => {
  it('doubles its ceiling with each failure, up to the most', () => {
    const almostOne = (): number => 1 - Number.EPSILON;
    const ceilings = [0, 1, 2, 3, 8, 9, 50, 5_000].map((n) => Math.round(fullJitterMs(n, limits, almostOne)));
    expect(ceilings).toEqual([100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
  });

  it('is anywhere between 0 and the ceiling', () => {
    expect(fullJitterMs(3, limits, () => 0)).toBe(0);
    expect(fullJitterMs(3, limits, () => 0.25)).toBe(200);
  });
});
