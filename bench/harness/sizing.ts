import { thousands, threeDigits } from './figures.js';
import { markdownTable } from './markdown.js';
import type { BenchRecord, RunRecord } from './record.js';
import type { Subject } from './subjects.js';

const MIB = 1024 * 1024;

/** What travels with each payload: gRPC's five bytes, HTTP/2's nine, session ID, numbers and time of a message. */
const ENVELOPE_BYTES = 60;

/** Of a core's time, how much may be planned with: above it latency grows faster than load. */
const PLANNED_SHARE = 0.6;

/** What an operator reckons with, from the run. */
export function sizingTables(record: BenchRecord): string {
  return [messages(record), memory(record), example(record)].filter((part) => part !== '').join('\n\n');
}

function messages(record: BenchRecord): string {
  const kinds: readonly (readonly [string, string])[] = [
    ['echo-20x16b', 'echo, 16 B'],
    ['echo-20x256b', 'echo, 256 B'],
    ['echo-20x4k', 'echo, 4 KiB'],
    ['echo-20x256k', 'echo, 256 KiB'],
    ['batches-8', 'echo, 256 B, batches of 8'],
    ['tls', 'echo, 256 B, TLS'],
    ['scale', 'echo, 256 B, one at a time on 4,000 connections'],
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
        lineRate(megabits),
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

function lineRate(megabits: number): string {
  return megabits < 1000 ? `${megabits.toFixed(0)} Mbit/s` : `${(megabits / 1000).toFixed(1)} Gbit/s`;
}

/** The three sums, done once with the figures of the run. */
function example(record: BenchRecord): string {
  const rate = lastRun(record, 'scale', 'sluice')?.figures.messagesPerCpuSecond?.median;
  const idle = lastRun(record, 'idle', 'sluice')?.figures;
  if (rate === undefined || idle?.rssBeforeBytes === undefined || idle.rssPerConnectionBytes === undefined)
    return '';
  const clients = 2_000;
  const each = 5;
  const total = clients * each;
  const cores = total / rate / PLANNED_SHARE;
  const empty = idle.rssBeforeBytes.median / MIB;
  const connected = (clients * idle.rssPerConnectionBytes.median) / MIB;
  const megabits = (total * (256 + ENVELOPE_BYTES) * 8) / 1e6;
  const gateways = Math.ceil(cores);
  return [
    `For example ${clients.toLocaleString('en-US')} clients with an opened session each, ${String(each)} messages of 256 bytes a second from each, every one answered:`,
    `${total.toLocaleString('en-US')} messages a second, which come one at a time (the row with 4,000 connections).`,
    `Cores: ${total.toLocaleString('en-US')} / ${thousands(rate)} / ${String(PLANNED_SHARE)} = ${cores.toFixed(1)}.`,
    `Memory: ${empty.toFixed(0)} + ${connected.toFixed(0)} MiB, times 1.5 = ${((empty + connected) * 1.5).toFixed(0)} MiB.`,
    `Line: ${megabits.toFixed(0)} Mbit/s each way.`,
    `So ${gateways === 1 ? 'one gateway' : `${String(gateways)} gateways`}, and one more so that each may leave.`,
  ].join('\n');
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
