import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type Passage } from '../../../src/flow/circuit-breaker.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const PAUSE_MS = 1_000;

function made(failures = 3) {
  const clock = new FakeClock();
  const changes: string[] = [];
  const breaker = new CircuitBreaker({
    ...{ clock, failures, pauseMs: PAUSE_MS },
    onChange: (state, before) => changes.push(`${before} to ${state}`),
  });
  const pass = (): Passage => {
    const passage = breaker.tryPass();
    if (passage === undefined) throw new Error('no passage');
    return passage;
  };
  const open = () => {
    for (let i = 0; i < failures; i += 1) pass().failed();
  };
  return { clock, changes, breaker, pass, open };
}

describe('CircuitBreaker', () => {
  it('opens by so many failures in a row, and only in a row', () => {
    const { breaker, pass, changes } = made(3);
    pass().failed();
    pass().failed();
    pass().succeeded();
    pass().failed();
    pass().failed();
    expect(breaker).toMatchObject({ state: 'closed', refuses: false, retryAfterMs: 0 });
    pass().failed();
    expect(breaker).toMatchObject({ state: 'open', refuses: true, retryAfterMs: PAUSE_MS });
    expect(breaker.tryPass()).toBeUndefined();
    expect(changes).toEqual(['closed to open']);
  });

  it('after the pause one may try, alone; by its success all may', () => {
    const { clock, breaker, pass, open, changes } = made();
    open();
    clock.advance(PAUSE_MS - 1);
    expect(breaker.tryPass()).toBeUndefined();
    expect(breaker.retryAfterMs).toBe(1);
    clock.advance(1);
    expect(breaker).toMatchObject({ state: 'open', refuses: false, retryAfterMs: 0 });
    const trial = pass();
    expect(breaker).toMatchObject({ state: 'half-open', refuses: true, retryAfterMs: PAUSE_MS });
    expect(breaker.tryPass()).toBeUndefined();
    trial.succeeded();
    expect(breaker.state).toBe('closed');
    expect(changes).toEqual(['closed to open', 'open to half-open', 'half-open to closed']);
    pass().failed();
    pass().failed();
    expect(breaker.state).toBe('closed');
  });

  it('a trial that fails opens it for a whole pause again', () => {
    const { clock, breaker, pass, open } = made();
    open();
    clock.advance(PAUSE_MS);
    pass().failed();
    expect(breaker).toMatchObject({ state: 'open', retryAfterMs: PAUSE_MS });
    clock.advance(PAUSE_MS);
    expect(breaker.tryPass()).toBeDefined();
  });

  it('a trial that was abandoned leaves its turn to the next', () => {
    const { clock, breaker, pass, open, changes } = made();
    open();
    clock.advance(PAUSE_MS);
    pass().abandoned();
    expect(breaker).toMatchObject({ state: 'half-open', refuses: false, retryAfterMs: 0 });
    pass().succeeded();
    expect(breaker.state).toBe('closed');
    expect(changes).toEqual(['closed to open', 'open to half-open', 'half-open to closed']);
  });

  it('what began before it opened, and ends later, changes nothing', () => {
    const { clock, breaker, pass, open } = made();
    const [late, later, latest] = [pass(), pass(), pass()];
    open();
    late.succeeded();
    expect(breaker.state).toBe('open');
    clock.advance(PAUSE_MS - 1);
    later.failed();
    expect(breaker.retryAfterMs).toBe(1);
    clock.advance(1);
    const trial = pass();
    latest.succeeded();
    expect(breaker.state).toBe('half-open');
    trial.succeeded();
    expect(breaker.state).toBe('closed');
  });

  it('those who are cut off together are one failure; those who come after them are another', () => {
    const { breaker, pass } = made(3);
    const together = Array.from({ length: 10 }, pass);
    for (const passage of together.slice(0, 5)) passage.cutOff();
    pass().cutOff();
    for (const passage of together.slice(5)) passage.cutOff();
    expect(breaker.state).toBe('closed');
    pass().cutOff();
    expect(breaker.state).toBe('open');
  });

  it('a trial that is cut off opens it', () => {
    const { clock, breaker, pass, open } = made();
    open();
    clock.advance(PAUSE_MS);
    pass().cutOff();
    expect(breaker).toMatchObject({ state: 'open', retryAfterMs: PAUSE_MS });
  });

  it('one may try at once when it may be well again', () => {
    const { breaker, pass, open, changes } = made();
    breaker.mayBeWell();
    open();
    breaker.mayBeWell();
    expect(breaker).toMatchObject({ state: 'half-open', refuses: false });
    const trial = pass();
    expect(breaker.refuses).toBe(true);
    trial.succeeded();
    expect(breaker.state).toBe('closed');
    expect(changes).toEqual(['closed to open', 'open to half-open', 'half-open to closed']);
  });

  it('where that one fails, the pause is a whole one, whatever is said; after that it may end early again', () => {
    const { clock, breaker, pass, open } = made();
    open();
    breaker.mayBeWell();
    pass().failed();
    breaker.mayBeWell();
    expect(breaker).toMatchObject({ state: 'open', retryAfterMs: PAUSE_MS });
    clock.advance(PAUSE_MS);
    pass().failed();
    breaker.mayBeWell();
    expect(breaker).toMatchObject({ state: 'half-open', refuses: false });
  });

  it('a passage ends once', () => {
    const { breaker, pass } = made(2);
    const passage = pass();
    passage.failed();
    passage.failed();
    expect(breaker.state).toBe('closed');
    passage.succeeded();
    pass().failed();
    expect(breaker.state).toBe('open');
  });

  it('says when to come back in whole milliseconds, and not too early', () => {
    const { clock, breaker, open } = made();
    open();
    clock.advance(0.25);
    expect(breaker.retryAfterMs).toBe(PAUSE_MS);
  });

  it('arms no timer', () => {
    const { clock, open } = made();
    open();
    expect(clock.pending).toBe(0);
  });
});

/** The rules, told over the whole history each time: slow, and without a state of its own. */
type Event =
  | { readonly kind: 'passed'; readonly id: number }
  | { readonly kind: 'well'; readonly atMs: number }
  | {
      readonly kind: 'failed' | 'cutOff' | 'succeeded' | 'abandoned';
      readonly id: number;
      readonly atMs: number;
    };

function told(history: readonly Event[], failures: number) {
  let state: 'closed' | 'open' | 'half-open' = 'closed';
  let row = 0;
  let untilMs = 0;
  /** Those whose word counts: who passed since the last change. */
  let heard = new Set<number>();
  let trial: number | undefined;
  /** Who passed last before the last one that was counted as cut off. */
  let cutUpTo = 0;
  let newest = 0;
  let early = false;
  for (const event of history) {
    if (event.kind === 'passed') {
      if (state !== 'closed') {
        if (state === 'open') {
          heard = new Set();
          early = false;
        }
        state = 'half-open';
        trial = event.id;
      }
      heard.add(event.id);
      newest = event.id;
      continue;
    }
    if (event.kind === 'well') {
      if (state === 'open' && !early && event.atMs < untilMs) {
        state = 'half-open';
        early = true;
      }
      continue;
    }
    if (!heard.delete(event.id)) continue;
    if (event.kind === 'cutOff' && state === 'closed') {
      if (event.id <= cutUpTo) continue;
      cutUpTo = newest;
    }
    if (event.kind === 'abandoned') trial = undefined;
    else if (event.kind === 'succeeded') {
      row = 0;
      if (state === 'half-open') heard = new Set();
      state = 'closed';
      early = false;
      trial = undefined;
    } else if (state === 'half-open' || (row += 1) >= failures) {
      state = 'open';
      untilMs = event.atMs + PAUSE_MS;
      heard = new Set();
      row = 0;
      trial = undefined;
    }
  }
  const refuses = (nowMs: number) =>
    (state === 'open' && nowMs < untilMs) || (state === 'half-open' && trial !== undefined);
  return { state, refuses, untilMs };
}

describe('CircuitBreaker, by its history', () => {
  const move = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ kind: 'ask' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'well' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'failed' as const,
          'failed' as const,
          'cutOff' as const,
          'cutOff' as const,
          'succeeded' as const,
          'abandoned' as const,
        ),
        // Of those under way, counted from the youngest: old ones are left to be late.
        which: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 5 })),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('wait' as const),
        ms: fc.oneof({ weight: 3, arbitrary: fc.constant(PAUSE_MS) }, fc.nat({ max: PAUSE_MS })),
      }),
    },
  );

  it('does what the rules say, whatever comes in whatever order', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(move, { maxLength: 80, size: 'max' }),
        (failures, moves) => {
          const { clock, breaker, changes } = made(failures);
          const history: Event[] = [];
          const underWay: { readonly id: number; readonly passage: Passage }[] = [];
          let asked = 0;
          for (const each of moves) {
            if (each.kind === 'wait') clock.advance(each.ms);
            else if (each.kind === 'well') {
              breaker.mayBeWell();
              history.push({ kind: 'well', atMs: clock.now() });
            } else if (each.kind === 'ask') {
              const id = (asked += 1);
              const before = told(history, failures);
              const passage = breaker.tryPass();
              expect(passage === undefined).toBe(before.refuses(clock.now()));
              if (passage === undefined) continue;
              history.push({ kind: 'passed', id });
              underWay.unshift({ id, passage });
            } else {
              const [settled] = underWay.splice(each.which, 1);
              if (settled === undefined) continue;
              settled.passage[each.kind]();
              history.push({ kind: each.kind, id: settled.id, atMs: clock.now() });
            }
            const now = told(history, failures);
            expect(breaker.state).toBe(now.state);
            expect(breaker.refuses).toBe(now.refuses(clock.now()));
            if (now.state === 'open') {
              expect(breaker.retryAfterMs).toBe(Math.max(0, now.untilMs - clock.now()));
            }
            expect(clock.pending).toBe(0);
          }
          for (const change of changes) reached.add(change);
        },
      ),
      { numRuns: 1_000 },
    );
    // Else the moves were not for what this is about.
    expect([...reached].sort()).toEqual([
      'closed to open',
      'half-open to closed',
      'half-open to open',
      'open to half-open',
    ]);
  });
});
