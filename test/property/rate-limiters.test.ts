import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FixedWindow } from '../../src/flow/fixed-window.js';
import { LeakyBucket } from '../../src/flow/leaky-bucket.js';
import type { RateLimiter } from '../../src/flow/rate-limiter.js';
import { SlidingWindow } from '../../src/flow/sliding-window.js';
import { TokenBucket } from '../../src/flow/token-bucket.js';

/** What went, kept for ever: the references read it anew each time. */
interface Gone {
  readonly at: number;
  readonly cost: number;
}

interface Step {
  readonly afterMs: number;
  readonly cost: number;
}

/** Stands still, creeps by parts of a millisecond, walks, jumps a day. */
const afterMs = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.double({ min: 0, max: 2, noNaN: true }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1_000_000, max: 86_400_000 }) },
);
const cost = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 100_000 }) },
);
const steps = fc.array(fc.record({ afterMs, cost }), { maxLength: 60 });
const rate = fc.record({
  amount: fc.oneof(
    fc.constant(1),
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 1, max: 1_000_000_000 }),
  ),
  perMs: fc.oneof(fc.constant(1_000), fc.integer({ min: 1, max: 86_400_000 })),
});
/** Not a round number: a clock of intervals starts anywhere. */
const BEGIN = 12_345.678;

/** Fractions are rounded, at the times that occur here by less than this. */
function near(ms: number): number {
  return 1e-6 + Math.abs(ms) * 1e-9;
}

/** Takes step by step, checks what always holds, and gives each turn to `check` with all that went before. */
function run(
  limiter: RateLimiter,
  taken: readonly Step[],
  check: (turn: Gone, gone: readonly Gone[], now: number) => void = () => undefined,
): Gone[] {
  const gone: Gone[] = [];
  let now = BEGIN;
  for (const step of taken) {
    now += step.afterMs;
    const asked = limiter.waitMs(now, step.cost);
    const remaining = limiter.remaining(now);
    expect(Number.isSafeInteger(remaining) && remaining >= 0).toBe(true);
    // A whole one that remains goes at once.
    if (remaining > 0) expect(limiter.waitMs(now, 1)).toBe(0);
    const waitMs = limiter.take(now, step.cost);
    expect(waitMs).toBe(asked);
    expect(Number.isFinite(waitMs) && waitMs >= 0).toBe(true);
    const resetMs = limiter.resetMs(now);
    expect(Number.isFinite(resetMs) && resetMs >= 0).toBe(true);
    const turn = { at: now + waitMs, cost: step.cost };
    const last = gone.at(-1);
    if (last !== undefined) expect(turn.at).toBeGreaterThanOrEqual(last.at - near(turn.at));
    check(turn, gone, now);
    gone.push(turn);
  }
  // After its reset it is as new.
  const later = now + limiter.resetMs(now) * (1 + 1e-9) + 1e-3;
  expect(limiter.resetMs(later)).toBe(0);
  expect(limiter.waitMs(later, 1)).toBe(0);
  return gone;
}

function sumOf(gone: readonly Gone[]): number {
  return gone.reduce((sum, { cost: each }) => sum + each, 0);
}

describe('token bucket', () => {
  it('lets each go as soon as burst and rate allow, by all that ever went', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 1, max: 40 }), steps, (of, burst, taken) => {
        const intervalMs = of.perMs / of.amount;
        run(new TokenBucket({ ...of, burst }, BEGIN), taken, (turn, gone, now) => {
          // From any past moment on: what went since, and this, is at most a burst and what flowed in.
          const need = Math.min(turn.cost, burst);
          const soonest = gone.map(({ at }, i) => at + (sumOf(gone.slice(i)) + need - burst) * intervalMs);
          const expected = Math.max(now, ...soonest);
          expect(Math.abs(turn.at - expected)).toBeLessThanOrEqual(near(turn.at) + intervalMs * 1e-6);
        });
      }),
    );
  });
});

describe('leaky bucket', () => {
  it('lets one after another go, each when the one before it has had its time', () => {
    fc.assert(
      fc.property(rate, steps, (of, taken) => {
        const intervalMs = of.perMs / of.amount;
        run(new LeakyBucket({ ...of, queue: 10 }, BEGIN), taken, (turn, gone, now) => {
          const soonest = gone.map(({ at }, i) => at + sumOf(gone.slice(i)) * intervalMs);
          const expected = Math.max(now, ...soonest);
          expect(Math.abs(turn.at - expected)).toBeLessThanOrEqual(near(turn.at) + intervalMs * 1e-6);
        });
      }),
    );
  });

  it('has room for as many as its queue says, besides the one that goes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 0, max: 50 }), (amount, queue) => {
        const bucket = new LeakyBucket({ amount, perMs: 1_000, queue }, BEGIN);
        let taken = 0;
        for (; bucket.waitMs(BEGIN, 1) <= bucket.maxWaitMs; taken += 1) bucket.take(BEGIN, 1);
        expect(taken).toBe(queue + 1);
      }),
    );
  });
});

describe('fixed window', () => {
  it('lets each go in the first window with room, counted one window after the other', () => {
    fc.assert(
      fc.property(
        fc.record({ amount: fc.integer({ min: 1, max: 30 }), perMs: fc.integer({ min: 1, max: 5_000 }) }),
        fc.array(
          fc.record({
            afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 })),
            cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100 })),
          }),
          { maxLength: 60 },
        ),
        (of, taken) => {
          let now = 1_000;
          let windowAt = now;
          let used = 0;
          const nextWindow = (): void => {
            windowAt += of.perMs;
            used = Math.max(0, used - of.amount);
          };
          const limiter = new FixedWindow(of, now);
          for (const step of taken) {
            now += step.afterMs;
            while (windowAt + of.perMs <= now && used > 0) nextWindow();
            if (used === 0) windowAt = Math.max(windowAt, now);
            while (used > 0 && used + step.cost > of.amount) nextWindow();
            used += step.cost;
            expect(limiter.take(now, step.cost)).toBe(Math.max(0, windowAt - now));
          }
        },
      ),
    );
  });

  it('lets no more go in a window than its amount, at any rate and time', () => {
    fc.assert(
      fc.property(rate, steps, (of, taken) => {
        const gone = run(new FixedWindow(of, BEGIN), taken);
        // Wherever two windows meet, what both hold goes; never more, one cost above the amount aside.
        for (const [i, { at }] of gone.entries()) {
          const within = gone.slice(i).filter((other) => other.at < at + of.perMs - near(other.at));
          const largest = Math.max(0, ...within.map(({ cost: each }) => each));
          expect(sumOf(within)).toBeLessThanOrEqual(2 * Math.max(of.amount, largest));
        }
      }),
    );
  });
});

describe('sliding window', () => {
  it('lets no more go in any interval than its amount, by all that ever went', () => {
    fc.assert(
      fc.property(rate, steps, (of, taken) => {
        run(new SlidingWindow(of, BEGIN), taken, (turn, gone) => {
          const since = turn.at - of.perMs + near(turn.at);
          const before = sumOf(gone.filter(({ at }) => at > since));
          // One cost beyond the amount goes, where nothing went before it.
          if (before > 0) expect(before + turn.cost).toBeLessThanOrEqual(of.amount);
        });
      }),
    );
  });

  it('lets go what is more than a window holds only when as many windows have passed', () => {
    fc.assert(
      fc.property(rate, steps, (of, taken) => {
        run(new SlidingWindow(of, BEGIN), taken, (turn, gone) => {
          const before = sumOf(gone);
          if (before === 0) return;
          const windows = before / of.amount - 1;
          expect(turn.at - BEGIN).toBeGreaterThanOrEqual(windows * of.perMs - near(turn.at));
        });
      }),
    );
  });

  it('holds nobody who would still be within the rate if windows were an eighth longer', () => {
    fc.assert(
      fc.property(rate, steps, (of, taken) => {
        // Of costs above the amount the rest is paid back: they are for the test above.
        const small = taken.map((step) => ({ ...step, cost: Math.min(step.cost, of.amount) }));
        run(new SlidingWindow(of, BEGIN), small, (turn, gone, now) => {
          const since = now - of.perMs * (9 / 8) - near(now);
          const counted = gone.filter(({ at }) => at >= since);
          const queued = counted.some(({ at }) => at > now);
          if (!queued && sumOf(counted) + turn.cost <= of.amount) expect(turn.at).toBe(now);
        });
      }),
    );
  });

  it('lets the whole rate through, in the long run', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 10_000 }), (amount, perMs) => {
        const limiter = new SlidingWindow({ amount, perMs }, BEGIN);
        const windows = 20;
        let waitMs = 0;
        for (let taken = 0; taken < amount * windows; taken += 1) waitMs = limiter.take(BEGIN, 1);
        expect(waitMs).toBeLessThanOrEqual(windows * perMs * (9 / 8) + near(waitMs));
        expect(waitMs).toBeGreaterThanOrEqual((windows - 1) * perMs - near(waitMs));
      }),
    );
  });
});

describe('every limiter', () => {
  const makers: readonly ((of: { amount: number; perMs: number }) => RateLimiter)[] = [
    (of) => new FixedWindow(of, BEGIN),
    (of) => new SlidingWindow(of, BEGIN),
    (of) => new TokenBucket({ ...of, burst: of.amount }, BEGIN),
    (of) => new LeakyBucket({ ...of, queue: 100 }, BEGIN),
  ];

  it('keeps to the rate over a million turns, without drift', () => {
    const of = { amount: 7, perMs: 1.3 };
    const turns = 1_000_000;
    for (const make of makers) {
      const limiter = make(of);
      let now = BEGIN;
      for (let taken = 0; taken < turns; taken += 1) now += limiter.take(now, 1);
      const exactMs = (turns * of.perMs) / of.amount;
      // The sliding window counts for an eighth longer; all begin with at most one window at once.
      expect(now - BEGIN).toBeGreaterThanOrEqual(exactMs - 2 * of.perMs);
      expect(now - BEGIN).toBeLessThanOrEqual(exactMs * (limiter instanceof SlidingWindow ? 9 / 8 : 1.0001));
    }
  });

  it('takes a clock that goes back for one that stands still', () => {
    for (const make of makers) {
      const limiter = make({ amount: 1, perMs: 1_000 });
      limiter.take(BEGIN, 1);
      const waitMs = limiter.waitMs(BEGIN, 1);
      expect(limiter.waitMs(BEGIN - 500, 1)).toBeGreaterThanOrEqual(waitMs);
      expect(limiter.remaining(BEGIN - 500)).toBe(0);
      expect(limiter.waitMs(BEGIN, 1)).toBe(waitMs);
    }
  });

  it('lets a thousand million a second through, and one a day', () => {
    for (const make of makers) {
      const fast = make({ amount: 1_000_000_000, perMs: 1_000 });
      expect(fast.take(BEGIN, 1_000_000)).toBe(0);
      const slow = make({ amount: 1, perMs: 86_400_000 });
      expect(slow.take(BEGIN, 1)).toBe(0);
      expect(slow.take(BEGIN, 1)).toBeGreaterThanOrEqual(86_400_000);
      expect(slow.resetMs(BEGIN)).toBeGreaterThanOrEqual(2 * 86_400_000);
    }
  });
});
