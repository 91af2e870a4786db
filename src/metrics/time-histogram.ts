/** A histogram of plain numbers; the last count is of everything above the last bound. */
export class TimeHistogram {
  readonly boundsMs: readonly number[];
  readonly counts: number[];
  sumMs = 0;
  count = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.counts = new Array<number>(boundsMs.length + 1).fill(0);
  }

  /** Notes `count` events that took `ms` each. */
  observe(ms: number, count = 1): void {
    let bucket = 0;
    while (bucket < this.boundsMs.length && ms > (this.boundsMs[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
    this.sumMs += ms * count;
    this.count += count;
  }

  /** A copy that stands still; what was observed between two of them is `since`. */
  snapshot(): TimeHistogram {
    const copy = new TimeHistogram(this.boundsMs);
    for (const [bucket, count] of this.counts.entries()) copy.counts[bucket] = count;
    copy.sumMs = this.sumMs;
    copy.count = this.count;
    return copy;
  }

  /** What was observed after `earlier`, a snapshot of this same histogram. */
  since(earlier: TimeHistogram): TimeHistogram {
    const difference = this.snapshot();
    for (const [bucket, count] of earlier.counts.entries()) {
      difference.counts[bucket] = (difference.counts[bucket] ?? 0) - count;
    }
    difference.sumMs -= earlier.sumMs;
    difference.count -= earlier.count;
    return difference;
  }

  /** Milliseconds; 0 when nothing was observed. */
  get meanMs(): number {
    return this.count === 0 ? 0 : this.sumMs / this.count;
  }

  /**
   * The time below which a share `quantile` (0 to 1) of the observed lies,
   * estimated as Prometheus' histogram_quantile does: even spread within a
   * bucket, and the last bound for whatever lies above it. 0 when nothing was
   * observed.
   */
  quantileMs(quantile: number): number {
    const rank = quantile * this.count;
    let below = 0;
    let lowerMs = 0;
    for (const [bucket, upperMs] of this.boundsMs.entries()) {
      const inBucket = this.counts[bucket] ?? 0;
      if (inBucket > 0 && below + inBucket >= rank) {
        return lowerMs + (upperMs - lowerMs) * ((rank - below) / inBucket);
      }
      below += inBucket;
      lowerMs = upperMs;
    }
    return this.count === 0 ? 0 : lowerMs;
  }
}
