/** A gateway samples every 5 s and tells a rate from the second sample on (docs/admin.md); until then it says 0. Milliseconds. */
const SAMPLED_TWICE_MS = 10_000;

/** A rate as the gateway tells it, of what is so old; undefined where it can not know it yet. */
export function knownRate(perSecond: number, ageMs: number): number | undefined {
  return perSecond === 0 && ageMs < SAMPLED_TWICE_MS ? undefined : perSecond;
}
