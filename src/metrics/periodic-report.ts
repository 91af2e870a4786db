import type { Clock, Timer } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { EventLoopDelay, type LoopDelayMonitor } from './event-loop-delay.js';
import type { MetricsSources } from './metrics-sources.js';
import { readCounters, reportLine, type MemoryUse, type Reading } from './report-line.js';
import type { StreamMetrics } from './stream-metrics.js';

export interface PeriodicReportOptions {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info'>;
  readonly metrics: StreamMetrics;
  readonly sources: MetricsSources;
  /** Milliseconds between lines (`metrics.reportInterval`); 0 = no report. */
  readonly intervalMs: number;
  /** Begins to measure the event loop. Default: the platform's monitor. */
  readonly monitorLoop?: () => LoopDelayMonitor;
  /** Default `process.memoryUsage`. */
  readonly memory?: () => MemoryUse;
}

interface Running {
  readonly loop: LoopDelayMonitor;
  timer: Timer;
  before: Reading;
}

/** Writes one line of metrics every interval and a last one at the stop. */
export class PeriodicReport {
  readonly #options: PeriodicReportOptions;
  #running: Running | undefined;

  constructor(options: PeriodicReportOptions) {
    this.#options = options;
  }

  /** Idempotent. The first line covers the time from here. */
  start(): void {
    const { clock, metrics, sources, intervalMs } = this.#options;
    if (intervalMs <= 0 || this.#running !== undefined) return;
    const monitor = this.#options.monitorLoop ?? (() => new EventLoopDelay());
    this.#running = {
      loop: monitor(),
      timer: this.#arm(),
      before: readCounters(metrics, sources, clock.now()),
    };
  }

  /** Writes the last line. Idempotent; leaves no timer. */
  stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    running.timer.cancel();
    this.#write(running, 'metrics at stop');
    running.loop.stop();
    this.#running = undefined;
  }

  #arm(): Timer {
    return this.#options.clock.setTimeout(() => {
      const running = this.#running;
      if (running === undefined) return;
      running.timer = this.#arm();
      this.#write(running, 'metrics');
    }, this.#options.intervalMs);
  }

  #write(running: Running, message: string): void {
    const { clock, logger, metrics, sources } = this.#options;
    const after = readCounters(metrics, sources, clock.now());
    const memory = (this.#options.memory ?? process.memoryUsage)();
    logger.info(reportLine(running.before, after, metrics, sources, running.loop.read(), memory), message);
    running.before = after;
  }
}
