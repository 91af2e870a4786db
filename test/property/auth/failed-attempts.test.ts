import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FailedAttempts } from '../../../src/auth/failed-attempts.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const BURST = 3;

type Step = { readonly kind: 'fail'; readonly host: number } | { readonly kind: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('fail' as const), host: fc.integer({ min: 1, max: 4 }) }),
  // Multiples of what one attempt takes to come back, in binary fractions: no sum is rounded.
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 16 }).map((n) => n * 125) }),
);

it('is a bucket for each address, as long as none is forgotten', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const clock = new FakeClock();
      const failed = new FailedAttempts({ clock, burst: BURST, perSecond: 1, maxAddresses: 4 });
      // Debts in eighths of an attempt, which fade by one each 125 ms.
      const debts = new Map<number, number>();
      for (const one of steps) {
        if (one.kind === 'fail') {
          failed.charge(`10.0.0.${one.host}:1`);
          debts.set(one.host, Math.min(16 * BURST, (debts.get(one.host) ?? 0) + 8));
        } else {
          clock.advance(one.ms);
          for (const [host, debt] of debts) debts.set(host, Math.max(0, debt - one.ms / 125));
        }
        for (let host = 1; host <= 4; host += 1) {
          const over = (debts.get(host) ?? 0) - 8 * (BURST - 1);
          expect(failed.waitMs(`10.0.0.${host}:2`)).toBe(Math.max(0, over) * 125);
        }
      }
      expect(failed.size).toBe(debts.size);
    }),
  );
});
