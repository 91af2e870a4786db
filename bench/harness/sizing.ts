import { thousands, threeDigits } from './figures.js';
import { markdownTable } from './markdown.js';
import type { BenchRecord, RunRecord } from './record.js';
import type { Subject } from './subjects.js';

const MIB = 1024 * 1024;

/** What travels with each payload: gRPC's five bytes, HTTP/2's nine, session ID, numbers and time of a message. */
const ENVELOPE_BYTES = 60;

/** What an operator reckons with, from the run. */
export function sizingTables(record: BenchRecord): string {
  return [messages(record), memory(record)].filter((table) => table !== '').join('\n\n');
}

function messages(record: BenchRecord): string {
  const kinds: readonly (readonly [string, string])[] = [
    ['echo-20x16b', 'echo, 16 B'],
    ['echo-20x256b', 'echo, 256 B'],
    ['echo-20x4k', 'echo, 4 KiB'],
    ['echo-20x256k', 'echo, 256 KiB'],
    ['batches-8', 'echo, 256 B, batches of 8'],
    ['tls', 'echo, 256 B, TLS'],
    ['scale', 'echo, 256 B, 4,000 connections'],
    ['ingest', 'taken and not answered, 256 B'],
    ['fan-out', 'fan-out, 256 B: deliveries'],
  ];
  const rows = kinds.flatMap(([name, title]) => {
    const opened = lastRun(record, name, 'sluice');
    const simple = lastRun(record, name, 'sluice-simple');
    const rate = opened?.figures.messagesPerCpuSecond?.median;
    if (opened === undefined || rate === undefined) return [];
    const simpleRate = simple?.figures.messagesPerCpuSecond?.median;
    // One way: an echo takes as much in as it sends out, each on its own half of a line.
    const megabits = (rate * (opened.payloadBytes + ENVELOPE_BYTES) * 8) / 1e6;
    return [
      [
        title,
        thousands(rate),
        simpleRate === undefined ? '' : thousands(simpleRate),
        threeDigits(1e6 / rate),
        `${thousands(megabits)} Mbit/s`,
      ],
    ];
  });
  if (rows.length === 0) return '';
  const head = [
    'one core (one gateway process) fully used',
    'messages/s, opened sessions',
    'simple',
    'µs a message',
    'on the line, each way',
  ];
  return markdownTable(head, rows);
}

function memory(record: BenchRecord): string {
  const rows = (record.cases.find(({ name }) => name === 'idle')?.runs ?? []).flatMap((run) => {
    const { rssBeforeBytes, rssPerConnectionBytes: each, rssMaxBytes } = run.figures;
    if (rssBeforeBytes === undefined || each === undefined || rssMaxBytes === undefined) return [];
    return [
      [
        run.key,
        `${(rssBeforeBytes.median / MIB).toFixed(0)} MiB`,
        `${(each.median / 1024).toFixed(1)} KiB`,
        `${(rssMaxBytes.median / MIB).toFixed(0)} MiB`,
      ],
    ];
  });
  if (rows.length === 0) return '';
  return markdownTable(['memory', 'empty', 'a quiet connection with a session', '5,000 of them'], rows);
}

/** Of several loads the last: the heavier one. */
function lastRun(record: BenchRecord, name: string, subject: Subject): RunRecord | undefined {
  const runs = record.cases.find((one) => one.name === name)?.runs ?? [];
  return runs.findLast((run) => run.subject === subject);
}
