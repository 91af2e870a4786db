import { expect, test } from 'vitest';
import { Farewell } from '../../../../src/cli/talk/farewell.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

test('a second, and less where two are over since Ctrl-C', () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  using farewell = new Farewell({ signal: stop.signal, clock });
  clock.advance(60_000);
  expect(farewell.leftMs).toBe(1000);
  stop.abort();
  expect(farewell.leftMs).toBe(1000);
  clock.advance(1500);
  expect(farewell.leftMs).toBe(500);
  clock.advance(10_000);
  expect(farewell.leftMs).toBe(0);
});

test('a command that was stopped before it began', () => {
  const clock = new FakeClock();
  using farewell = new Farewell({ signal: AbortSignal.abort(), clock });
  clock.advance(1700);
  expect(farewell.leftMs).toBe(300);
});
