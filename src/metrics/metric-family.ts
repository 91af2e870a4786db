import type { Metric, Registry } from 'prom-client';
import type { TimeHistogram } from './time-histogram.js';

export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** The whole name where it is not the family's: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
}

/** One metric of the exposition, read when it is asked for. Base units: seconds and bytes. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: () => Iterable<Sample> | Promise<Iterable<Sample>>;
}

/**
 * Adds a family to a prom-client registry. The registry asks a metric only for
 * `get`, so that counters kept elsewhere as plain fields need not be copied
 * into prom-client's own; its types know only those, hence the cast.
 */
export function registerFamily(registry: Registry, family: MetricFamily): void {
  const { name, type, help } = family;
  const metric = {
    name,
    type,
    help,
    aggregator: 'sum',
    get: async () => ({ name, type, help, aggregator: 'sum', values: [...(await family.samples())] }),
  };
  registry.registerMetric(metric as unknown as Metric);
}

/** One counter without labels. */
export function counter(name: string, help: string, read: () => number): MetricFamily {
  return { name, type: 'counter', help, samples: () => [{ value: read() }] };
}

/** One gauge without labels. */
export function gauge(name: string, help: string, read: () => number): MetricFamily {
  return { name, type: 'gauge', help, samples: () => [{ value: read() }] };
}

/** A counter by one label. All of `known` are always there: a series that appears at 1 hides its first event from `rate`. */
export function tallied(
  name: string,
  help: string,
  label: string,
  known: readonly string[],
  read: () => ReadonlyMap<string, number>,
): MetricFamily {
  return {
    name,
    type: 'counter',
    help,
    samples: () => {
      const tallies = read();
      return known.map((key) => ({ labels: { [label]: key }, value: tallies.get(key) ?? 0 }));
    },
  };
}

/** The samples of a histogram in seconds: cumulative buckets, sum and count. */
export function histogramSamples(
  name: string,
  histogram: TimeHistogram,
  labels: Readonly<Record<string, string>> = {},
): Sample[] {
  const samples: Sample[] = [];
  let cumulative = 0;
  for (const [bucket, count] of histogram.counts.entries()) {
    cumulative += count;
    const boundMs = histogram.boundsMs[bucket];
    const le = boundMs === undefined ? '+Inf' : String(boundMs / 1_000);
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative });
  }
  samples.push({ metricName: `${name}_sum`, labels, value: histogram.sumMs / 1_000 });
  samples.push({ metricName: `${name}_count`, labels, value: cumulative });
  return samples;
}
