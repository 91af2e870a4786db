import { expect, test } from 'vitest';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { Deadline } from '../../../src/transport/grpc/deadline.js';

const DAY_MS = 24 * 3_600_000;

test.each([0, 1, 5_000, 2 ** 31 - 1, 2 ** 31, 30 * DAY_MS, 365 * DAY_MS])(
  'passes after %d ms, once',
  (ms) => {
    const clock = new FakeClock();
    let passed = 0;
    new Deadline(clock, ms, () => {
      passed += 1;
    });
    if (ms > 0) {
      clock.advance(ms - 1);
      expect(passed).toBe(0);
      expect(clock.activeTimers).toBe(1);
      clock.advance(1);
    } else {
      clock.advance(0);
    }
    expect(passed).toBe(1);
    expect(clock.activeTimers).toBe(0);
  },
);

test('cancelled it never passes, however long it was', () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 100 * DAY_MS, () => {
    throw new Error('passed');
  });
  clock.advance(60 * DAY_MS);
  deadline.cancel();
  deadline.cancel();
  expect(clock.activeTimers).toBe(0);
  clock.advance(60 * DAY_MS);
});

test('the longest that grpc-timeout can say neither overflows nor passes', () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 99_999_999 * 3_600_000, () => {
    throw new Error('passed');
  });
  clock.advance(10 * 365 * DAY_MS);
  deadline.cancel();
});
