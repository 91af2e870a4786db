import { expect, it } from 'vitest';
import { ReloadSignal } from '../../../src/cli/reload-signal.js';
import type { Clock } from '../../../src/core/clock.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

/** Each reload takes 100 ms in which nothing else happens. */
function world() {
  const clock = new FakeClock();
  const made = { clock, reloads: 0 };
  const busy: Clock = {
    now: () => clock.now() + 100 * made.reloads,
    wallNow: () => clock.wallNow(),
    setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs),
    setImmediate: (callback) => {
      clock.setImmediate(callback);
    },
  };
  const signal = new ReloadSignal(busy, () => {
    made.reloads += 1;
  });
  return { made, signal };
}

it('is answered at once, and a storm of them by one more after four times as long', () => {
  const { made, signal } = world();
  for (let n = 0; n < 100; n += 1) signal.on();
  expect(made.reloads).toBe(1);
  made.clock.advance(399);
  expect(made.reloads).toBe(1);
  made.clock.advance(1);
  expect(made.reloads).toBe(2);
  made.clock.advance(10_000);
  expect([made.reloads, made.clock.activeTimers]).toEqual([2, 0]);
});

it('the last of a storm is answered after it: what was written before it is read', () => {
  const { made, signal } = world();
  signal.on();
  made.clock.advance(200);
  signal.on();
  made.clock.advance(200);
  expect(made.reloads).toBe(2);
  made.clock.advance(399);
  signal.on();
  expect(made.reloads).toBe(2);
  made.clock.advance(1);
  expect(made.reloads).toBe(3);
});

it('those that come apart are each answered at once', () => {
  const { made, signal } = world();
  for (let n = 1; n <= 3; n += 1) {
    signal.on();
    expect(made.reloads).toBe(n);
    made.clock.advance(400);
  }
});

it('stopped, answers nothing more and leaves no timer', () => {
  const { made, signal } = world();
  signal.on();
  signal.on();
  signal.stop();
  made.clock.advance(10_000);
  expect([made.reloads, made.clock.activeTimers]).toEqual([1, 0]);
});
