import { expect, it } from 'vitest';
import { CASES } from '../../../bench/harness/cases.js';
import { stepOf, stepsOf } from '../../../bench/harness/estimate.js';

const secondsOf = (steps: readonly { readonly seconds: number }[]): number =>
  steps.reduce((sum, { seconds }) => sum + seconds, 0);

it('has a step for each run of each round, the first of a server longer', () => {
  const [echo] = CASES;
  expect(stepsOf(echo!, 3)).toHaveLength(3 * echo!.runs.length);
  const [run] = echo!.runs;
  const longer = stepOf(echo!, run!, 1).seconds - stepOf(echo!, run!, 2).seconds;
  expect(longer).toBeGreaterThanOrEqual(echo!.warmupSeconds);
  const fresh = { ...echo!, freshServers: true };
  expect(stepOf(fresh, run!, 2)).toEqual(stepOf(fresh, run!, 1));
});

it('counts the time of a run that has its own, and of opening many connections', () => {
  const stalled = CASES.find(({ name }) => name === 'stalled')!;
  const [none, some] = stalled.runs;
  expect(stepOf(stalled, some!, 2).seconds - stepOf(stalled, none!, 2).seconds).toBeCloseTo(14);
  const idle = CASES.find(({ name }) => name === 'idle')!;
  expect(stepOf(idle, idle.runs[0]!, 2).seconds).toBeGreaterThan(idle.seconds + 5);
});

it('holds a full run to three quarters of an hour', () => {
  expect(secondsOf(CASES.flatMap((one) => stepsOf(one, 5))) / 60).toBeLessThan(45.5);
});
