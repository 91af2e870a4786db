import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** How late timers ran, in milliseconds: what every message waits besides its own work. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoopDelayMonitor {
  /** The delay since the last read (or since the start), and begins anew. All 0 when there was no sample. */
  read(): LoopDelay;
  /** Leaves no timer. Idempotent. */
  stop(): void;
}

/** Milliseconds between samples: 50 wake-ups a second are not measurable, and a stall of 20 ms is seen. */
const RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;

/**
 * The platform's own sampling, which needs no JavaScript. It records the whole
 * interval between two samples, 20 ms in an idle process; what is told here is
 * what goes beyond.
 */
export class EventLoopDelay implements LoopDelayMonitor {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  read(): LoopDelay {
    const histogram = this.#histogram;
    const delay =
      histogram.count === 0
        ? { meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 }
        : {
            meanMs: beyondInterval(histogram.mean),
            p50Ms: beyondInterval(histogram.percentile(50)),
            p99Ms: beyondInterval(histogram.percentile(99)),
            maxMs: beyondInterval(histogram.max),
          };
    histogram.reset();
    return delay;
  }

  stop(): void {
    this.#histogram.disable();
  }
}

function beyondInterval(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS);
}
