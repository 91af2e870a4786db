import type { Bench } from 'tinybench';

/**
 * Runs `bench`, each of whose tasks does so many `operations` a call (so that the timer's own cost disappears), and
 * prints the nanoseconds that one took: in the median call, in the fastest, and in the slowest hundredth.
 */
export async function printNanoseconds(bench: Bench, operations: number): Promise<void> {
  await bench.run();
  console.log(' median    min    p99  ns');
  for (const { name, result } of bench.tasks) {
    if (!('latency' in result)) throw new Error(`${name} failed`, { cause: result });
    const { p50, min, p99 } = result.latency;
    // In milliseconds a call.
    const cells = [p50, min, p99].map((ms) => ((ms * 1e6) / operations).toFixed(0).padStart(7));
    console.log(`${cells.join('')}  ${name}`);
  }
}
