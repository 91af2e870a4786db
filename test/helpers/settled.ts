import { vi } from 'vitest';

/** How long a figure has to stand still. */
const QUIET_MS = 150;
const POLL_MS = 10;

/** Resolves when what it reads has stopped changing: what was under way has come to rest. */
export async function settled(read: () => number): Promise<number> {
  let last = read();
  let since = performance.now();
  while (performance.now() - since < QUIET_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const now = read();
    if (now !== last) since = performance.now();
    last = now;
  }
  return last;
}

/** Resolves with what it reads once that is something: at once on an idle machine, and on a busy one in its time. */
export function until<T>(read: () => T): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  return vi.waitUntil(read as () => Exclude<T, false | null | undefined | 0 | ''>, {
    timeout: 20_000,
    interval: 5,
  });
}
