import { expect, test } from 'vitest';
import { Timeout } from '../../../../src/routes/options/timeout.js';
import { givenUpOf, type GivenUp } from '../../../../src/routes/given-up.js';
import { RouteCounters } from '../../../../src/routes/route-counters.js';
import type { Route } from '../../../../src/session/route.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FakeSession } from '../../../helpers/fake-session.js';
import { Held } from '../../../helpers/gate.js';

function world() {
  const clock = new FakeClock();
  const counters = new RouteCounters();
  const gate = new Held<void>();
  const signals: (GivenUp | undefined)[] = [];
  const inner: Route = {
    kind: 'slow',
    open: () => ({
      handle(message) {
        signals.push(givenUpOf(message));
        return message.key === 'quick' ? undefined : gate.promise;
      },
    }),
  };
  const route = new Timeout(inner, { name: 'slow', timeoutMs: 100, clock, counters });
  return { clock, counters, gate, signals, session: new FakeSession(route) };
}

test('a message that takes longer fails, its signal is aborted, the next one comes', async () => {
  const { clock, counters, gate, signals, session } = world();
  const first = session.handle('1');
  const failed = expect(first).rejects.toMatchObject({
    code: 'ROUTE_TIMEOUT',
    message: 'route "slow" has not finished with this message after 100 ms (routes.slow.timeout)',
  });
  await clock.advanceAsync(99);
  expect(signals[0]?.aborted).toBe(false);
  await clock.advanceAsync(1);
  await failed;
  expect([signals[0]?.aborted, signals[0]?.signal.aborted]).toEqual([true, true]);
  const second = session.handle('2');
  // The late end of the first has no effect on anything.
  gate.resolve();
  await second;
  expect(counters.timeouts).toBe(1);
  expect(clock.activeTimers).toBe(0);
});

test('what ends in time leaves no timer, and its failure is its own', async () => {
  const { clock, gate, session } = world();
  expect(session.handle('1', { key: 'quick' })).toBeUndefined();
  const handled = session.handle('2');
  gate.reject(new Error('own'));
  await expect(handled).rejects.toThrow('own');
  expect(clock.activeTimers).toBe(0);
});

test('the end of the session ends the wait, though the handler never returns', async () => {
  const { clock, counters, signals, session } = world();
  const handled = expect(session.handle('1')).rejects.toThrow('the session has ended');
  session.close();
  await handled;
  expect(counters.timeouts).toBe(0);
  expect(clock.activeTimers).toBe(0);
  expect(signals[0]?.aborted).toBe(true);
});
