import { readdir, readFile } from 'node:fs/promises';
import { constants, performance, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { EventLoopDelay, type LoopDelay } from './event-loop-delay.js';
import { counter, gauge, histogramSamples, type MetricFamily, type Sample } from './metric-family.js';
import { TimeHistogram } from './time-histogram.js';

const GC_BUCKETS_MS: readonly number[] = [1, 5, 10, 50, 100, 500, 1_000];
const GC_KINDS = new Map<number, string>([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

/** What an entry of type `gc` carries; the type declarations leave it out. */
type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

/**
 * The usual metrics of a Node.js process under the names that prom-client
 * gives them, so that its dashboards work. Not prom-client's own: those leave
 * an observer and a timer behind that nothing can stop, and walk every open
 * socket several times a scrape.
 */
export class ProcessFamilies {
  #loopDelay: EventLoopDelay | undefined;
  readonly #pauses = new Map([...GC_KINDS.values()].map((kind) => [kind, new TimeHistogram(GC_BUCKETS_MS)]));
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as GcEntry;
      this.#pauses.get(GC_KINDS.get(detail.kind) ?? '')?.observe(entry.duration);
    }
  });
  readonly families: readonly MetricFamily[];

  constructor() {
    this.families = [...cpuFamilies(), ...memoryFamilies(), ...descriptorFamilies(), ...this.#loopFamilies()];
  }

  /** Begins to watch the event loop and the garbage collection: at the first scrape, so that nobody pays for what nobody reads. Idempotent. */
  watch(): void {
    if (this.#loopDelay !== undefined) return;
    this.#loopDelay = new EventLoopDelay();
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Leaves no observer and no timer. Idempotent. */
  stop(): void {
    this.#observer.disconnect();
    this.#loopDelay?.stop();
  }

  #loopFamilies(): readonly MetricFamily[] {
    let delay: LoopDelay = { meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
    const utilization = (): { idle: number; active: number } => performance.eventLoopUtilization();
    return [
      {
        // The first of the five to be asked reads for all of them.
        name: 'nodejs_eventloop_lag_mean_seconds',
        type: 'gauge',
        help: 'Mean lateness of the event loop since the last scrape.',
        samples: () => {
          delay = this.#loopDelay?.read() ?? delay;
          return [{ value: delay.meanMs / 1_000 }];
        },
      },
      gauge(
        'nodejs_eventloop_lag_p50_seconds',
        'Median lateness since the last scrape.',
        () => delay.p50Ms / 1_000,
      ),
      gauge(
        'nodejs_eventloop_lag_p99_seconds',
        '99th percentile of the lateness since the last scrape.',
        () => delay.p99Ms / 1_000,
      ),
      gauge(
        'nodejs_eventloop_lag_max_seconds',
        'Greatest lateness since the last scrape.',
        () => delay.maxMs / 1_000,
      ),
      counter(
        'nodejs_eventloop_active_seconds_total',
        'Time the event loop was at work.',
        () => utilization().active / 1_000,
      ),
      counter(
        'nodejs_eventloop_idle_seconds_total',
        'Time the event loop waited for something to do.',
        () => utilization().idle / 1_000,
      ),
      {
        name: 'nodejs_gc_duration_seconds',
        type: 'histogram',
        help: 'Garbage collection pauses by kind.',
        samples: () => this.#pauseSamples(),
      },
    ];
  }

  #pauseSamples(): Sample[] {
    return [...this.#pauses].flatMap(([kind, pauses]) =>
      histogramSamples('nodejs_gc_duration_seconds', pauses, { kind }),
    );
  }
}

function cpuFamilies(): readonly MetricFamily[] {
  const microseconds = (): NodeJS.CpuUsage => process.cpuUsage();
  return [
    counter('process_cpu_user_seconds_total', 'User CPU time spent.', () => microseconds().user / 1e6),
    counter('process_cpu_system_seconds_total', 'System CPU time spent.', () => microseconds().system / 1e6),
    counter('process_cpu_seconds_total', 'User and system CPU time spent.', () => {
      const { user, system } = microseconds();
      return (user + system) / 1e6;
    }),
    gauge('process_start_time_seconds', 'Start of the process since the Unix epoch.', () =>
      Math.round(performance.timeOrigin / 1_000),
    ),
    {
      name: 'nodejs_version_info',
      type: 'gauge',
      help: 'The version of Node.js, as a label.',
      samples: () => [{ labels: { version: process.version }, value: 1 }],
    },
  ];
}

function memoryFamilies(): readonly MetricFamily[] {
  return [
    gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss()),
    gauge('nodejs_heap_size_total_bytes', 'Size of the heap.', () => process.memoryUsage().heapTotal),
    gauge('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed),
    gauge(
      'nodejs_external_memory_bytes',
      'Memory outside the heap, buffers for the most part.',
      () => process.memoryUsage().external,
    ),
  ];
}

/** From /proc; without a sample where there is none. */
function descriptorFamilies(): readonly MetricFamily[] {
  return [
    {
      name: 'process_open_fds',
      type: 'gauge',
      help: 'Open file descriptors.',
      samples: async () => {
        const open = await readdir('/proc/self/fd').catch(() => undefined);
        return open === undefined ? [] : [{ value: open.length }];
      },
    },
    {
      name: 'process_max_fds',
      type: 'gauge',
      help: 'File descriptors that may be open at once.',
      samples: async () => {
        const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
        const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
        return soft === undefined ? [] : [{ value: Number(soft) }];
      },
    },
  ];
}
