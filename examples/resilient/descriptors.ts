import { execFileSync } from 'node:child_process';

/** Descriptors that a process of ours takes beside its connections. */
const OTHERS = 200;

/** How many connections this system lets one process hold (`ulimit -n`), but no more than are wanted. */
export function affordable(wanted: number, descriptorsEach: number): { count: number; limit: string } {
  // Node.js raises its own limit to the highest that it may have, and its children inherit that.
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  if (limit === 'unlimited') return { count: wanted, limit };
  return { count: Math.min(wanted, Math.floor((Number(limit) - OTHERS) / descriptorsEach)), limit };
}
