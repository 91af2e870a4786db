import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Throttle } from '../../src/flow/throttle.js';
import { TokenBucket } from '../../src/flow/token-bucket.js';

const rate = fc.integer({ min: 1, max: 10_000 });
const steps = fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 100 });

describe('Throttle', () => {
  it('never lets more through than the burst and what has flowed in since', () => {
    fc.assert(
      fc.property(rate, steps, (messagesPerSecond, elapsed) => {
        const throttle = new Throttle({ messagesPerSecond, bytesPerSecond: 0 }, 0);
        let now = 0;
        let sent = 0;
        for (const ms of elapsed) {
          now += ms;
          const budget = throttle.messageBudget(now);
          if (budget > 0) throttle.spend(budget, 0);
          sent += Math.max(0, budget);
          const allowed = messagesPerSecond + (now * messagesPerSecond) / 1_000;
          expect(sent).toBeLessThanOrEqual(Math.ceil(allowed));
        }
      }),
    );
  });

  it('after waitMs something may go, and just before nothing may', () => {
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.integer({ min: 0, max: 50_000 }),
        (messagesPerSecond, bytesPerSecond, bytes) => {
          const throttle = new Throttle({ messagesPerSecond, bytesPerSecond }, 0);
          throttle.spend(throttle.messageBudget(0), bytes);
          const waitMs = throttle.waitMs(0);
          if (waitMs > 1) expect(throttle.shouldThrottle(waitMs - 1)).toBe(true);
          // A hair later, for sums of fractions round.
          expect(throttle.shouldThrottle(waitMs + 0.01)).toBe(false);
        },
      ),
    );
  });

  it('without rates it never waits', () => {
    const throttle = new Throttle({ messagesPerSecond: 0, bytesPerSecond: 0 }, 0);
    throttle.spend(1_000_000, 1_000_000_000);
    expect(throttle.shouldThrottle(0)).toBe(false);
    expect(throttle.waitMs(0)).toBe(0);
  });

  it('pays a debt back before the next: one large message at a small rate', () => {
    const throttle = new Throttle({ messagesPerSecond: 0, bytesPerSecond: 1_000 }, 0);
    throttle.spend(1, 5_000);
    expect(throttle.byteBudget(0)).toBe(-4_000);
    expect(throttle.shouldThrottle(3_999)).toBe(true);
    expect(throttle.shouldThrottle(4_002)).toBe(false);
  });

  it('a clock that stands still gives nothing', () => {
    const bucket = new TokenBucket({ amount: 10, perMs: 1_000, burst: 10 }, 5);
    bucket.spend(10);
    expect(bucket.available(5)).toBe(0);
    expect(bucket.available(5)).toBe(0);
    expect(bucket.available(105)).toBe(1);
  });
});
