import { describe, expect, it } from 'vitest';
import { EventLoopDelay } from '../../../src/metrics/event-loop-delay.js';

/** Blocks the loop for `ms` in each of several turns, until the monitor has seen it. */
async function blockUntilSeen(monitor: EventLoopDelay, ms: number): Promise<number> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 45));
    const endMs = performance.now() + ms;
    while (performance.now() < endMs);
    await new Promise((resolve) => setTimeout(resolve, 45));
    const { maxMs } = monitor.read();
    if (maxMs >= ms / 2) return maxMs;
  }
}

describe('EventLoopDelay', () => {
  it('tells 0 without samples, and how long the loop was blocked', async () => {
    const monitor = new EventLoopDelay();
    expect(monitor.read()).toEqual({ meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 });
    expect(await blockUntilSeen(monitor, 120)).toBeGreaterThanOrEqual(60);
    monitor.stop();
    monitor.stop();
  });
});
