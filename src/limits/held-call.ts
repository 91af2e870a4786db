import type { Clock } from '../core/clock.js';
import { sleep } from '../core/sleep.js';
import type { Hold } from './route-limits.js';

/** Resolves when the turn of a call has come; rejects with the signal's reason once nobody waits for it any more. */
export async function untilItsTurn(
  { waitMs, limit }: Hold,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  limit.counters.waiting += 1;
  try {
    await sleep(waitMs, clock, signal);
  } finally {
    limit.counters.waiting -= 1;
  }
}
