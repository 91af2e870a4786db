export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Doubling more often than this says nothing: the ceiling is far above any `maxMs`. */
const MAX_DOUBLINGS = 40;

/**
 * How long to wait after so many failures in a row (0: the first), in
 * milliseconds: anywhere between 0 and the ceiling, so that the clients that one
 * event has thrown out do not all come back at once ("full jitter").
 */
export function fullJitterMs(failures: number, limits: BackoffLimits, random: () => number): number {
  const ceilingMs = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures, MAX_DOUBLINGS));
  return random() * ceilingMs;
}
