import { writeChart, type Series } from '../kit/chart.js';
import { most, sum } from '../kit/figures.js';
import type { Measurements, Sample } from './measurements.js';

export function drawn(file: string, { samples, now }: Measurements): void {
  const limit = now[0]?.limit ?? 0;
  const over = (name: string, value: (sample: Sample) => number | undefined): Series => ({
    name,
    points: samples.flatMap((sample) => {
      const y = value(sample);
      return y === undefined ? [] : [[sample.atSeconds, y] as const];
    }),
  });
  writeChart(file, {
    title: 'Telemetry: senders faster than the processor',
    subtitle:
      'The channels fill and stay full, the clients wait instead; latency and memory stay where they are.',
    panels: [
      {
        title: 'Channel of a client',
        unit: 'events',
        limit: { name: `limit ${limit}`, value: limit },
        max: limit + 4,
        series: [
          over('fullest', ({ fills }) => most(fills)),
          over('mean', ({ fills }) => sum(fills) / fills.length),
          over('emptiest', ({ fills }) => Math.min(...fills)),
        ],
      },
      {
        title: 'Held up, by layer, each within the one before',
        unit: '% of the time',
        max: 100,
        series: [
          { ...over('write: waits for drain', ({ held }) => held.write), shape: 'area' },
          { ...over('HTTP/2: window closed', ({ held }) => held.window), shape: 'area' },
          { ...over('channel: not read', ({ held }) => held.channel), shape: 'area' },
        ],
      },
      {
        title: 'From send to ack',
        unit: 's',
        series: [
          over('median', ({ latencyMs }) => latencyMs && latencyMs.p50 / 1_000),
          over('largest', ({ latencyMs }) => latencyMs && latencyMs.max / 1_000),
        ],
      },
      {
        title: 'Memory',
        unit: 'MiB',
        series: [
          over('gateway, resident', ({ gatewayRssMiB }) => gatewayRssMiB),
          over('gateway, heap', ({ gatewayHeapMiB }) => gatewayHeapMiB),
          over('clients, resident', ({ clientsRssMiB }) => clientsRssMiB),
        ],
      },
    ],
  });
}
