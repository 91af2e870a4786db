import type { Registry } from 'prom-client';
import { type MetricFamily, registerFamily } from './metric-family.js';
import type { MetricsSources, QueueDepths, WindowedLevels } from './metrics-sources.js';
import { ProcessFamilies } from './process-families.js';
import { streamFamilies, type MetricsLimits } from './stream-families.js';
import type { StreamMetrics } from './stream-metrics.js';

export interface PrometheusExporterOptions {
  readonly metrics: StreamMetrics;
  readonly sources: MetricsSources;
  readonly limits: MetricsLimits;
  readonly build: {
    /** Of Sluice. */
    readonly version: string;
    /** `node.id` */
    readonly nodeId: string;
  };
}

export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}

const NO_QUEUES: QueueDepths = {
  receive: { messages: 0, bytes: 0, maxMessages: 0 },
  send: { messages: 0, bytes: 0, maxMessages: 0 },
  bytesInFlight: 0,
};
const NOTHING = { messages: 0, bytes: 0 };
const NO_SESSIONS: WindowedLevels = {
  sessions: 0,
  detached: 0,
  detachedBytes: 0,
  ended: 0,
  endedBytes: 0,
  inFlight: NOTHING,
  waiting: NOTHING,
  unhandled: NOTHING,
  most: { inFlight: 0, waiting: 0, unhandled: 0 },
};

/**
 * The gateway's metrics as Prometheus reads them, in a registry of its own:
 * several gateways in one process do not meet, and nothing is global. Counters
 * are read when a scrape asks and cost nothing in between.
 */
export class PrometheusExporter {
  readonly #families: readonly MetricFamily[];
  readonly #process = new ProcessFamilies();
  readonly #sources: MetricsSources;
  #queues: QueueDepths = NO_QUEUES;
  #windowed: WindowedLevels = NO_SESSIONS;
  #registry: Promise<Registry> | undefined;
  #underWay: Promise<MetricsText> | undefined;
  #stopped = false;

  constructor(options: PrometheusExporterOptions) {
    const { metrics, sources, limits, build } = options;
    this.#sources = sources;
    this.#families = [
      {
        name: 'sluice_build_info',
        type: 'gauge',
        help: 'The version of Sluice and the ID of this gateway, as labels.',
        samples: () => [{ labels: { version: build.version, node_id: build.nodeId }, value: 1 }],
      },
      ...streamFamilies(
        metrics,
        sources,
        limits,
        () => this.#queues,
        () => this.#windowed,
      ),
      ...this.#process.families,
    ];
  }

  /** The exposition, text format 0.0.4. Rejects after `stop`. */
  metricsText(): Promise<MetricsText> {
    // Scrapes that meet share one: each walks all connections.
    this.#underWay ??= this.#render().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #render(): Promise<MetricsText> {
    this.#registry ??= registryOf(this.#families);
    const registry = await this.#registry;
    if (this.#stopped) throw new Error('The metrics have been stopped.');
    this.#process.watch();
    // Asked once a scrape: they walk all connections and sessions, and the figures belong together.
    this.#queues = this.#sources.queues();
    this.#windowed = this.#sources.windowed();
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  /** Stops observing the process. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#process.stop();
  }
}

/** The library is loaded with the first scrape: nothing else needs it. */
async function registryOf(families: readonly MetricFamily[]): Promise<Registry> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  for (const family of families) registerFamily(registry, family);
  return registry;
}
