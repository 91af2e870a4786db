import { expect, test } from 'vitest';
import { StopSignals } from '../../../src/cli/stop-signals.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

test('the first stops; the same again at once is its echo', () => {
  const clock = new FakeClock();
  const signals = new StopSignals(clock);
  expect(signals.on('SIGINT')).toBe('stop');
  expect(signals.on('SIGINT')).toBe('echo');
  clock.advance(249);
  expect(signals.on('SIGINT')).toBe('echo');
});

test('the same later ends, and an echo does not put that off', () => {
  const clock = new FakeClock();
  const signals = new StopSignals(clock);
  signals.on('SIGINT');
  clock.advance(200);
  expect(signals.on('SIGINT')).toBe('echo');
  clock.advance(50);
  expect(signals.on('SIGINT')).toBe('end');
});

test('another signal ends at once', () => {
  const signals = new StopSignals(new FakeClock());
  signals.on('SIGINT');
  expect(signals.on('SIGTERM')).toBe('end');
});
