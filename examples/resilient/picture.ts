/** The run, over time. */
import { join } from 'node:path';
import { type Series, writeChart } from '../kit/chart.js';
import { mebibytes } from '../kit/figures.js';
import type { Marks } from './stage.js';
import type { Sample } from './watch.js';

export function writePicture(folder: string, samples: readonly Sample[], marks: Marks): string {
  const path = join(folder, 'resilient.svg');
  const gauge = (name: string, value: (values: ReadonlyMap<string, number>) => number): Series => ({
    name,
    points: samples.map(({ seconds, values }) => [seconds, value(values)]),
  });
  const of = (series: string) => (values: ReadonlyMap<string, number>) => values.get(series) ?? 0;
  const windowed = of('sluice_sessions_windowed');
  const detached = of('sluice_sessions_detached');
  const bytes = of('process_resident_memory_bytes');
  writeChart(path, {
    title: 'Clients break in every way, and nobody else loses anything',
    subtitle: `Numbers: the ways in which clients break, as in the table.\n${marks.legend(5)}`,
    marks: marks.list,
    panels: [
      {
        title: 'Connections and sessions',
        unit: 'now',
        series: [
          gauge('connections', of('sluice_connections')),
          gauge('sessions, attached', (values) => windowed(values) - detached(values)),
          gauge('sessions, detached', detached),
        ],
      },
      {
        title: 'Messages through the gateway',
        unit: 'per second',
        series: [
          rate(samples, 'received', 'sluice_messages_received_total'),
          rate(samples, 'sent', 'sluice_messages_sent_total'),
        ],
      },
      {
        title: 'Answers to bystanders, 99th percentile',
        unit: 'ms',
        series: [
          { name: 'p99', points: samples.map(({ seconds, bystandersP99Ms }) => [seconds, bystandersP99Ms]) },
        ],
      },
      {
        title: 'Memory of the gateway',
        unit: 'MiB',
        series: [gauge('resident', (values) => mebibytes(bytes(values)))],
      },
    ],
  });
  return path;
}

function rate(samples: readonly Sample[], name: string, series: string): Series {
  return {
    name,
    points: samples.slice(1).map(({ seconds, values }, index) => {
      const before = samples[index]!;
      const more = (values.get(series) ?? 0) - (before.values.get(series) ?? 0);
      return [seconds, more / (seconds - before.seconds)];
    }),
  };
}
