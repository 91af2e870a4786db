import { afterEach, describe, expect, it } from 'vitest';
import { DROP_REASONS, REFUSAL_REASONS } from '../../../src/core/counters.js';
import { errorCatalogue } from '../../../src/core/errors.js';
import { PrometheusExporter } from '../../../src/metrics/prometheus.js';
import { tally } from '../../../src/core/counters.js';
import { StreamMetrics } from '../../../src/metrics/stream-metrics.js';
import { parseExposition, type ParsedFamily } from './exposition.js';
import { LIMITS, SOURCES } from './fixtures.js';

const exporters: PrometheusExporter[] = [];

function exporterOf(metrics: StreamMetrics, nodeId = 'node-1'): PrometheusExporter {
  const build = { version: '1.2.3', nodeId };
  const exporter = new PrometheusExporter({ metrics, sources: SOURCES, limits: LIMITS, build });
  exporters.push(exporter);
  return exporter;
}

async function scrape(exporter: PrometheusExporter): Promise<ReadonlyMap<string, ParsedFamily>> {
  return parseExposition((await exporter.metricsText()).body);
}

function valueOf(
  families: ReadonlyMap<string, ParsedFamily>,
  family: string,
  labels: Readonly<Record<string, string>> = {},
  name = family,
): number | undefined {
  return families
    .get(family)
    ?.samples.find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value;
}

afterEach(() => {
  for (const exporter of exporters.splice(0)) exporter.stop();
});

describe('PrometheusExporter', () => {
  it('writes an exposition that a strict parser takes, idle and busy', async () => {
    const metrics = new StreamMetrics();
    const exporter = exporterOf(metrics);
    expect((await exporter.metricsText()).contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    await scrape(exporter);
    metrics.throttledMs = 0.1 + 0.2;
    metrics.bytesReceived = 2 ** 53;
    metrics.processing.observe(0.003);
    metrics.processing.observe(1e9);
    await scrape(exporter);
  });

  it('shows every counter of StreamMetrics, read at the scrape', async () => {
    const metrics = new StreamMetrics();
    const exporter = exporterOf(metrics);
    const before = new Map<string, number>();
    for (const [name, { samples }] of await scrape(exporter)) {
      if (name.startsWith('sluice_'))
        before.set(
          name,
          samples.reduce((sum, sample) => sum + sample.value, 0),
        );
    }
    const scalars = Object.entries(metrics).filter(([, value]) => typeof value === 'number');
    expect(scalars.length).toBeGreaterThan(20);
    for (const [field] of scalars) {
      (metrics as unknown as Record<string, number>)[field] = 1_000_000;
      const after = await scrape(exporter);
      const rose = [...before].filter(
        ([name, value]) => (after.get(name)?.samples ?? []).reduce((sum, s) => sum + s.value, 0) > value,
      );
      expect(rose, `${field} shows in one family`).toHaveLength(1);
      expect(rose[0]?.[0]).toMatch(/_total$/);
      (metrics as unknown as Record<string, number>)[field] = 0;
    }
  });

  it('turns milliseconds into seconds and counts cumulatively', async () => {
    const metrics = new StreamMetrics();
    metrics.throttledMs = 1_500;
    metrics.processing.observe(0.5, 3);
    metrics.processing.observe(700);
    metrics.processing.observe(60_000);
    const families = await scrape(exporterOf(metrics));
    const bucket = (le: string): number | undefined =>
      valueOf(families, 'sluice_processing_seconds', { le }, 'sluice_processing_seconds_bucket');
    expect(valueOf(families, 'sluice_throttled_seconds_total')).toBe(1.5);
    expect([
      bucket('0.0001'),
      bucket('0.0005'),
      bucket('0.5'),
      bucket('1'),
      bucket('10'),
      bucket('+Inf'),
    ]).toEqual([0, 3, 3, 4, 4, 5]);
    expect(valueOf(families, 'sluice_processing_seconds', {}, 'sluice_processing_seconds_sum')).toBeCloseTo(
      60.7015,
    );
  });

  it('has a series for every code and reason from the start, and none besides', async () => {
    const metrics = new StreamMetrics();
    const exporter = exporterOf(metrics);
    const codes = Object.keys(errorCatalogue).sort();
    const labelsOf = (families: ReadonlyMap<string, ParsedFamily>, name: string, label: string) =>
      (families.get(name)?.samples ?? []).map((sample) => sample.labels[label] ?? '').sort();
    const idle = await scrape(exporter);
    expect(labelsOf(idle, 'sluice_connections_rejected_total', 'code')).toEqual(codes);
    expect(labelsOf(idle, 'sluice_sessions_ended_total', 'code')).toEqual(codes);
    expect(labelsOf(idle, 'sluice_connections_ended_total', 'code')).toEqual(
      [...codes, 'OK', 'CANCELLED', 'LOST', 'DEADLINE_EXCEEDED'].sort(),
    );
    expect(labelsOf(idle, 'sluice_pushes_total', 'code')).toEqual([...codes, 'OK', 'CANCELLED'].sort());
    expect(labelsOf(idle, 'sluice_push_sessions_total', 'code')).toEqual([...codes, 'OK'].sort());
    expect(labelsOf(idle, 'sluice_flow_dropped_total', 'reason')).toEqual(
      [...DROP_REASONS, ...DROP_REASONS].sort(),
    );
    expect(labelsOf(idle, 'sluice_messages_refused_total', 'reason')).toEqual([...REFUSAL_REASONS].sort());
    tally(metrics.messagesRefused, 'duplicate');
    tally(metrics.connectionsRejected, 'CONNECTION_LIMIT');
    tally(metrics.connectionsEnded, 'LOST');
    tally(metrics.sessionsEnded, 'SEQUENCE_GAP');
    tally(metrics.sendErrors, 'SLOW_CONSUMER');
    tally(metrics.receiveErrors, 'MESSAGE_TOO_LARGE');
    tally(metrics.pushes.ended, 'UNKNOWN_SESSION');
    tally(metrics.pushes.sessions, 'OK', 3);
    const busy = await scrape(exporter);
    expect(valueOf(busy, 'sluice_connections_rejected_total', { code: 'CONNECTION_LIMIT' })).toBe(1);
    expect(valueOf(busy, 'sluice_connections_ended_total', { code: 'LOST' })).toBe(1);
    expect(valueOf(busy, 'sluice_sessions_ended_total', { code: 'SEQUENCE_GAP' })).toBe(1);
    expect(valueOf(busy, 'sluice_sessions_ended_total', { code: 'DRAINING' })).toBe(0);
    expect(valueOf(busy, 'sluice_send_errors_total', { code: 'SLOW_CONSUMER' })).toBe(1);
    expect(valueOf(busy, 'sluice_receive_errors_total', { code: 'MESSAGE_TOO_LARGE' })).toBe(1);
    expect(valueOf(busy, 'sluice_pushes_total', { code: 'UNKNOWN_SESSION' })).toBe(1);
    expect(valueOf(busy, 'sluice_push_sessions_total', { code: 'OK' })).toBe(3);
    expect(valueOf(busy, 'sluice_messages_refused_total', { reason: 'duplicate' })).toBe(1);
    expect(valueOf(busy, 'sluice_messages_refused_total', { reason: 'not-open' })).toBe(0);
  });

  it('shows the accounting identity of each direction', async () => {
    const metrics = new StreamMetrics();
    metrics.up.admitted = 10;
    metrics.up.admittedBytes = 1_000;
    metrics.up.delivered = 6;
    metrics.up.droppedBy.overflow = 1;
    metrics.down.admitted = 2;
    const families = await scrape(exporterOf(metrics));
    for (const direction of ['up', 'down']) {
      const of = (name: string): number => valueOf(families, `sluice_flow_${name}`, { direction }) ?? NaN;
      const dropped = (families.get('sluice_flow_dropped_total')?.samples ?? [])
        .filter((sample) => sample.labels['direction'] === direction)
        .reduce((sum, sample) => sum + sample.value, 0);
      expect(of('admitted_total')).toBe(of('delivered_total') + dropped + of('pending'));
    }
    expect(valueOf(families, 'sluice_flow_pending', { direction: 'up' })).toBe(3);
    expect(valueOf(families, 'sluice_flow_admitted_bytes_total', { direction: 'up' })).toBe(1_000);
  });

  it('shows levels beside the limits they approach', async () => {
    const families = await scrape(exporterOf(new StreamMetrics()));
    const expected: readonly [string, Record<string, string>, number][] = [
      ['sluice_connections', {}, 3],
      ['sluice_connections_limit', {}, 5_000],
      ['sluice_sessions', {}, 4],
      ['sluice_sessions_limit', {}, 100_000],
      ['sluice_sockets', {}, 5],
      ['sluice_sockets_limit', {}, 6_000],
      ['sluice_pushes', {}, 83],
      ['sluice_pushes_limit', {}, 1_000],
      ['sluice_queue_messages', { queue: 'receive' }, 7],
      ['sluice_queue_messages', { queue: 'send' }, 90],
      ['sluice_queue_bytes', { queue: 'send' }, 9_000],
      ['sluice_queue_max_messages', { queue: 'receive' }, 5],
      ['sluice_queue_max_messages', { queue: 'send' }, 60],
      ['sluice_queue_limit_messages', { queue: 'receive' }, 512],
      ['sluice_queue_limit_bytes', { queue: 'send' }, 1_048_576],
      ['sluice_in_flight_bytes', {}, 4_096],
      ['sluice_in_flight_limit_bytes', {}, 65_536],
      ['sluice_sessions_windowed', {}, 40],
      ['sluice_sessions_detached', {}, 11],
      ['sluice_sessions_detached_limit', {}, 10_000],
      ['sluice_sessions_detached_bytes', {}, 1_100],
      ['sluice_sessions_detached_limit_bytes', {}, 268_435_456],
      ['sluice_session_records', {}, 12],
      ['sluice_session_records_limit', {}, 20_000],
      ['sluice_session_records_bytes', {}, 1_200],
      ['sluice_session_records_limit_bytes', {}, 16_777_216],
      ['sluice_session_messages', { held: 'in-flight' }, 13],
      ['sluice_session_messages', { held: 'waiting' }, 14],
      ['sluice_session_bytes', { held: 'waiting' }, 1_400],
      ['sluice_session_max_messages', { held: 'in-flight' }, 3],
      ['sluice_session_max_messages', { held: 'waiting' }, 4],
      ['sluice_session_bytes', { held: 'unhandled' }, 1_500],
      ['sluice_session_limit_messages', { held: 'in-flight' }, 4_096],
      ['sluice_session_limit_messages', { held: 'unhandled' }, 256],
      ['sluice_session_limit_bytes', { held: 'waiting' }, 2_097_152],
      ['sluice_buffered_bytes', {}, 16_000],
      ['sluice_buffered_limit_bytes', {}, 17_000],
    ];
    for (const [name, labels, value] of expected) expect(valueOf(families, name, labels), name).toBe(value);
  });

  it('names its build, with whatever is in the node ID escaped', async () => {
    const nodeId = 'a"b\\c\nd';
    const families = await scrape(exporterOf(new StreamMetrics(), nodeId));
    expect(families.get('sluice_build_info')?.samples).toEqual([
      { name: 'sluice_build_info', labels: { version: '1.2.3', node_id: nodeId }, value: 1 },
    ]);
  });

  it('keeps two gateways of one process apart', async () => {
    const [one, other] = [new StreamMetrics(), new StreamMetrics()];
    one.messagesSent = 1;
    other.messagesSent = 2;
    const [first, second] = [exporterOf(one), exporterOf(other)];
    expect(valueOf(await scrape(first), 'sluice_messages_sent_total')).toBe(1);
    expect(valueOf(await scrape(second), 'sluice_messages_sent_total')).toBe(2);
  });

  it('has the metrics of the process', async () => {
    const families = await scrape(exporterOf(new StreamMetrics()));
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_start_time_seconds',
      'nodejs_heap_size_used_bytes',
      'nodejs_eventloop_active_seconds_total',
    ]) {
      expect(valueOf(families, name), name).toBeGreaterThan(0);
    }
    expect(families.get('nodejs_version_info')?.samples[0]?.labels['version']).toBe(process.version);
    for (const name of ['mean', 'p50', 'p99', 'max']) {
      expect(valueOf(families, `nodejs_eventloop_lag_${name}_seconds`)).toBeGreaterThanOrEqual(0);
    }
  });
});

describe('PrometheusExporter at its end', () => {
  it('stops twice, also before it was ever asked, and is not asked again', async () => {
    const exporter = exporterOf(new StreamMetrics());
    exporter.stop();
    exporter.stop();
    await expect(exporter.metricsText()).rejects.toThrow(/stopped/);
  });
});

describe('the strict parser itself', () => {
  const head = '# HELP a_total x\n# TYPE a_total counter\n';
  it.each([
    ['a sample without a family', 'a_total 1\n'],
    ['a TYPE without HELP', '# TYPE a_total counter\na_total 1\n'],
    ['a counter without _total', '# HELP a x\n# TYPE a counter\na 1\n'],
    ['a gauge with _total', '# HELP a_total x\n# TYPE a_total gauge\na_total 1\n'],
    ['a family twice', `${head}a_total 1\n${head}a_total 1\n`],
    ['a series twice', `${head}a_total{b="c"} 1\na_total{b="c"} 2\n`],
    ['an unescaped quote', `${head}a_total{b="c"d"} 1\n`],
    ['a value that is none', `${head}a_total Nan\n`],
    ['a negative counter', `${head}a_total -1\n`],
    ['no line end', `${head}a_total 1`],
    ['milliseconds', '# HELP a_ms_total x\n# TYPE a_ms_total counter\na_ms_total 1\n'],
    [
      'falling buckets',
      '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    ],
    ['no +Inf', '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n'],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});
