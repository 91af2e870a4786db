/** Each power of two is divided into so many buckets: what is read is wrong by less than 1/64, 1.6 %. */
const STEPS = 64;
/** Microseconds from 1 on, so that a bucket's number is a logarithm. */
const MAX_US = 2 ** 36;
const BUCKETS = (Math.log2(MAX_US) + 1) * STEPS;

/** One row of a small histogram, with both bounds in milliseconds. */
export interface HistogramRow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** Times, any number of them, in fixed memory; exact in their count, least, greatest and mean. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #minMs = Infinity;
  #maxMs = 0;

  record(ms: number): void {
    const time = Math.max(0, ms);
    const bucket = bucketOf(time);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += time;
    if (time < this.#minMs) this.#minMs = time;
    if (time > this.#maxMs) this.#maxMs = time;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumMs = 0;
    this.#minMs = Infinity;
    this.#maxMs = 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds; 0 where nothing was recorded, here and below. */
  get minMs(): number {
    return this.#count === 0 ? 0 : this.#minMs;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** The time that a share (0 to 1) of the recorded did not exceed. */
  quantileMs(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      // Never outside of what was really seen.
      if (seen >= rank) return Math.min(this.#maxMs, Math.max(this.#minMs, middleMs(bucket)));
    }
    return this.#maxMs;
  }

  /** At most `most` rows of growing width, from the least to the greatest. */
  rows(most: number): readonly HistogramRow[] {
    if (this.#count === 0) return [];
    const first = bucketOf(this.#minMs);
    const last = bucketOf(this.#maxMs);
    const width = Math.max(1, Math.ceil((last - first + 1) / most));
    const rows: HistogramRow[] = [];
    for (let from = first; from <= last; from += width) {
      let count = 0;
      for (let bucket = from; bucket < from + width; bucket += 1) count += this.#counts[bucket] ?? 0;
      rows.push({ fromMs: lowerMs(from), toMs: lowerMs(from + width), count });
    }
    return rows;
  }
}

function bucketOf(ms: number): number {
  const us = Math.min(MAX_US, Math.max(1, ms * 1000));
  return Math.min(BUCKETS - 1, Math.floor(Math.log2(us) * STEPS));
}

function lowerMs(bucket: number): number {
  return 2 ** (bucket / STEPS) / 1000;
}

function middleMs(bucket: number): number {
  return 2 ** ((bucket + 0.5) / STEPS) / 1000;
}
