import { expect, test } from 'vitest';
import { busySeconds } from '../../../bench/harness/proc.js';

test('the work of the machine is all but idling and waiting, guests counted once', () => {
  //               user nice system idle  iowait irq softirq steal guest guest_nice
  const stat = 'cpu  1000 100 200 50000 7000 30 40 5 900 90\ncpu0 1 1 1 1 1 1 1 1 1 1\nctxt 1\n';
  expect(busySeconds(stat)).toBeCloseTo(13.75);
});

test('without /proc nothing is known', () => {
  expect(busySeconds('')).toBeUndefined();
});
