import { expect, test } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import { Retries } from '../../../../src/routes/options/retries.js';
import { RouteCounters } from '../../../../src/routes/route-counters.js';
import type { Route } from '../../../../src/session/route.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FakeSession } from '../../../helpers/fake-session.js';

function world(outcomes: readonly (Error | undefined)[], how: 'at once' | 'later' = 'later') {
  const clock = new FakeClock();
  const counters = new RouteCounters();
  const attempts: number[] = [];
  const inner: Route = {
    kind: 'flaky',
    pipelined: true,
    open: () => ({
      handle() {
        const outcome = outcomes[attempts.push(clock.now()) - 1];
        if (outcome === undefined) return undefined;
        if (how === 'at once') throw outcome;
        return Promise.reject(outcome);
      },
    }),
  };
  const backoff = { firstMs: 100, maxMs: 300 };
  const route = new Retries(inner, { retries: 3, backoff, clock, random: () => 1, counters });
  return { clock, counters, attempts, route, session: new FakeSession(route) };
}

test.each(['at once', 'later'] as const)(
  'what fails %s is tried again, each wait longer up to the most',
  async (how) => {
    const oops = new Error('oops');
    const { clock, counters, attempts, session } = world([oops, oops, oops, undefined], how);
    const handled = session.handle('1');
    await clock.advanceAsync(0);
    expect(counters.retrying).toBe(1);
    await clock.advanceAsync(600);
    await handled;
    expect(attempts).toEqual([1_000, 1_100, 1_300, 1_600]);
    expect(counters).toMatchObject({ retries: 3, retrying: 0 });
  },
);

test('after the last attempt it fails with what that failed with', async () => {
  const { clock, attempts, session } = world([1, 2, 3, 4].map((n) => new Error(String(n))));
  const failed = expect(session.handle('1')).rejects.toThrow('4');
  await clock.advanceAsync(10_000);
  await failed;
  expect(attempts).toHaveLength(4);
});

test.each(['PERMISSION_DENIED', 'INVALID_MESSAGE', 'MESSAGE_TOO_LARGE'] as const)(
  '%s will not get better by itself',
  async (code) => {
    const { attempts, clock, session } = world([new SluiceError(code, 'no')]);
    await expect(session.handle('1')).rejects.toMatchObject({ code });
    expect(attempts).toHaveLength(1);
    expect(clock.activeTimers).toBe(0);
  },
);

test('an error that says when to come back is believed, within the most that one waits', async () => {
  const later = new SluiceError('ROUTE_FAILED', 'later', { retryAfterMs: 250 });
  const much = new SluiceError('ROUTE_FAILED', 'much later', { retryAfterMs: 60_000 });
  const { attempts, clock, session } = world([later, much, undefined]);
  const handled = session.handle('1');
  await clock.advanceAsync(1_000);
  await handled;
  expect(attempts).toEqual([1_000, 1_250, 1_550]);
});

test('the end of the session ends the wait', async () => {
  const { attempts, clock, counters, session } = world([new Error('oops')]);
  const failed = expect(session.handle('1')).rejects.toThrow('has ended');
  await clock.advanceAsync(0);
  session.close();
  await failed;
  expect(attempts).toHaveLength(1);
  expect([clock.activeTimers, counters.retrying]).toEqual([0, 0]);
});

test('a route that takes several messages at a time takes one, and success costs no promise', () => {
  const { route, session } = world([undefined]);
  expect(route.pipelined).toBe(false);
  expect(session.handle('1')).toBeUndefined();
});
