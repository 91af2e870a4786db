import { vi } from 'vitest';

/** How often a figure has to be found as it was. Counted, for a process that gets no turn sees nothing change. */
const UNCHANGED_READS = 15;
const POLL_MS = 10;

/** Resolves when what it reads has stopped changing: what was under way has come to rest. */
export async function settled(read: () => number): Promise<number> {
  let last = read();
  for (let unchanged = 0; unchanged < UNCHANGED_READS;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const now = read();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
  }
  return last;
}

/** Resolves with what it reads once that is something: at once on an idle machine, and on a busy one in its time. */
export function until<T>(read: () => T): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  // eslint-disable-next-line no-restricted-syntax -- with patience of its own
  return vi.waitUntil(read as () => Exclude<T, false | null | undefined | 0 | ''>, {
    timeout: 20_000,
    interval: 5,
  });
}
