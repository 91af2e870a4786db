import { secondsOf, type BenchCase, type Run } from './case.js';
import { FIRST_WARMUP } from './measure.js';
import type { Step } from './progress.js';

/** Beside what is warmed up and measured: the generator's own start and end, a server's start. */
const GENERATOR_SECONDS = 0.2;
const START_SECONDS = 0.8;
const OPENING_SECONDS_PER_CONNECTION = 0.0015;

/** What a run takes on a machine at rest; the first of a server is warmed up longer. */
export function stepOf(benchCase: BenchCase, run: Run, round: number): Step {
  const { warmupSeconds, freshServers } = benchCase;
  const isFirst = round === 1 || freshServers;
  const before = isFirst ? warmupSeconds * FIRST_WARMUP + START_SECONDS : warmupSeconds;
  const opening = run.load.connections * OPENING_SECONDS_PER_CONNECTION + GENERATOR_SECONDS;
  return { seconds: before + opening + secondsOf(benchCase, run) };
}

/** All runs of a case. */
export function stepsOf(benchCase: BenchCase, rounds: number): readonly Step[] {
  return Array.from({ length: rounds }, (_, index) =>
    benchCase.runs.map((run) => stepOf(benchCase, run, index + 1)),
  ).flat();
}
