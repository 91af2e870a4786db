/** What the counters were over time, as somebody sees it who scrapes them: Prometheus, or what stands in for it here. */
import { Prometheus } from '../kit/prometheus.js';

/** Seconds since the start, and the value. */
export type Point = readonly [atSeconds: number, value: number];

export interface Readings {
  /** Who scraped. */
  readonly by: string;
  /** The sum of the series that have these labels, once a second since the start. */
  over(metric: string, labels: Readonly<Record<string, string>>): Promise<readonly Point[]>;
  stop(): Promise<void>;
}

export interface Pages {
  /** `host:port` of the gateway's admin address. */
  readonly gateway: string;
  /** `host:port` of the service's metrics, and of the clients'. */
  readonly stock: readonly string[];
}

/** Begins to scrape once a second: a Prometheus where this machine has one. */
export async function startReadings({ gateway, stock }: Pages): Promise<Readings> {
  const prometheus = await Prometheus.start({ gateways: [gateway], stock });
  return prometheus === undefined ? new OwnScrapes([gateway, ...stock]) : new OfPrometheus(prometheus);
}

class OfPrometheus implements Readings {
  readonly by = 'Prometheus';
  readonly #prometheus: Prometheus;
  readonly #startedSeconds = Date.now() / 1_000;

  constructor(prometheus: Prometheus) {
    this.#prometheus = prometheus;
  }

  async over(metric: string, labels: Readonly<Record<string, string>>): Promise<readonly Point[]> {
    const selector = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const expression = `sum(${metric}{${selector.join(',')}})`;
    const start = this.#startedSeconds;
    const [series] = await this.#prometheus.range(expression, start, Date.now() / 1_000, 1);
    return (series?.points ?? []).map(([at, value]) => [at - start, value]);
  }

  async stop(): Promise<void> {
    await this.#prometheus.stop();
  }
}

/** Reads the same pages, `host:port` of each, itself. */
export class OwnScrapes implements Readings {
  readonly by = 'the example itself, for there is no Prometheus on this machine';
  readonly #urls: readonly string[];
  readonly #startedMs = performance.now();
  readonly #scrapes: { readonly atSeconds: number; readonly text: string }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(addresses: readonly string[]) {
    this.#urls = addresses.map((address) => `http://${address}/metrics`);
    this.#timer = setInterval(() => void this.#scrape(), 1_000);
  }

  over(metric: string, labels: Readonly<Record<string, string>>): Promise<readonly Point[]> {
    const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    const points = this.#scrapes.flatMap(({ atSeconds, text }): readonly Point[] => {
      const lines = text
        .split('\n')
        .filter((line) => line.startsWith(`${metric}{`) && wanted.every((label) => line.includes(label)));
      const values = lines.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
      return values.length === 0 ? [] : [[atSeconds, values.reduce((sum, value) => sum + value)]];
    });
    return Promise.resolve(points);
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  async #scrape(): Promise<void> {
    const atSeconds = (performance.now() - this.#startedMs) / 1_000;
    const texts = await Promise.all(
      this.#urls.map((url) =>
        fetch(url).then(
          (response) => response.text(),
          () => '',
        ),
      ),
    );
    this.#scrapes.push({ atSeconds, text: texts.join('\n') });
  }
}
