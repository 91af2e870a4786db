import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PrometheusExporter } from '../../../src/metrics/prometheus.js';
import { readCounters, reportLine } from '../../../src/metrics/report-line.js';
import { StreamMetrics } from '../../../src/metrics/stream-metrics.js';
import { totalsOf } from '../../../src/metrics/totals.js';
import { parseExposition } from './exposition.js';
import { LIMITS, SOURCES } from './fixtures.js';

const metricsPage = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
const adminPage = readFileSync(new URL('../../../docs/admin.md', import.meta.url), 'utf8');
const [linePart = '', prometheusPart = ''] = metricsPage.split('## Prometheus');

/** The rows of a page's tables whose first cell is code: their cells. */
function rows(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('docs/metrics.md', () => {
  it('explains the keys of the line, all of them, in its order', () => {
    const metrics = new StreamMetrics();
    const reading = readCounters(metrics, SOURCES, 0);
    const loop = { meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
    const line = reportLine(reading, reading, metrics, SOURCES, loop, { rss: 0, heapUsed: 0, external: 0 });
    expect(rows(linePart).map(([key]) => key)).toEqual(Object.keys(line).map((key) => `\`${key}\``));
  });

  it('lists the metrics that Prometheus reads, with their types and labels', async () => {
    const build = { version: '0', nodeId: 'n' };
    const exporter = new PrometheusExporter({
      metrics: new StreamMetrics(),
      sources: SOURCES,
      limits: LIMITS,
      build,
    });
    const families = parseExposition((await exporter.metricsText()).body);
    exporter.stop();
    const found = [...families].map(([name, { type, samples }]) => {
      const labels = Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== 'le');
      return [`\`${name}\``, type, labels.join(', ')];
    });
    const listed = rows(prometheusPart).map((cells) => cells.slice(0, 3));
    expect(listed.sort()).toEqual(found.sort());
  });
});

describe('docs/admin.md', () => {
  it('names the groups of the totals', () => {
    for (const group of Object.keys(totalsOf(new StreamMetrics(), SOURCES)))
      expect(adminPage).toContain(`\`${group}\``);
  });
});
