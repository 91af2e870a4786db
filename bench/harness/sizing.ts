import { PLANNED_SHARE } from './cases.js';
import { FIGURES, thousands, threeDigits } from './figures.js';
import { markdownTable } from './markdown.js';
import type { BenchRecord, RunRecord } from './record.js';
import { spread } from './report.js';
import type { Summary } from './statistics.js';
import type { Subject } from './subjects.js';

const MIB = 1024 * 1024;

/** What travels with each payload: gRPC's five bytes, HTTP/2's nine, session ID, numbers and time of a message. */
const ENVELOPE_BYTES = 60;

/** Of memory, beyond what is known to be held. */
const ROOM_FOR_GARBAGE = 1.5;
/** MiB that a gateway is to have at least. */
const LEAST_MEMORY = 512;

/** What an operator reckons with, from the run. */
export function sizingTables(record: BenchRecord): string {
  return [messages(record), latency(record), memory(record), example(record)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function messages(record: BenchRecord): string {
  const kinds: readonly (readonly [string, string])[] = [
    ['echo-20x16b', 'echo, 16 B'],
    ['echo-20x256b', 'echo, 256 B'],
    ['echo-20x4k', 'echo, 4 KiB'],
    ['echo-20x256k', 'echo, 256 KiB'],
    ['echo-1000x256b', 'echo, 256 B, 1,000 streams on 50 connections'],
    ['sessions', 'echo, 256 B, 100 sessions on each stream'],
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
    // One way: an echo takes as much in as it sends out, each in its own direction.
    const megabits = (rate * (opened.payloadBytes + ENVELOPE_BYTES) * 8) / 1e6;
    return [
      [
        title,
        thousands(rate),
        simpleRate === undefined ? '' : thousands(simpleRate),
        threeDigits(1e6 / rate),
        networkRate(megabits),
      ],
    ];
  });
  if (rows.length === 0) return '';
  const head = [
    'one core (one gateway process) fully used',
    'messages/s, opened sessions',
    'simple',
    'µs a message',
    'on the network, each way',
  ];
  return markdownTable(head, rows);
}

function networkRate(megabits: number): string {
  return megabits < 1000 ? `${megabits.toFixed(0)} Mbit/s` : `${(megabits / 1000).toFixed(1)} Gbit/s`;
}

/** How long answers take at the share that is planned with, and below it. */
function latency(record: BenchRecord): string {
  const rows = (record.cases.find(({ name }) => name === 'planned')?.runs ?? []).flatMap((run) => {
    const { p50Ms, p99Ms, p999Ms, offeredPerSecond, serverCpuPerSecond } = run.figures;
    if (p50Ms === undefined || p99Ms === undefined || offeredPerSecond === undefined) return [];
    return [
      [
        run.variant ?? run.key,
        thousands(offeredPerSecond.median),
        ms(p50Ms),
        `${ms(p99Ms)} (${spread(p99Ms, threeDigits)})`,
        p999Ms === undefined ? '' : ms(p999Ms),
        serverCpuPerSecond === undefined ? '' : serverCpuPerSecond.median.toFixed(2),
      ],
    ];
  });
  if (rows.length === 0) return '';
  const head = [
    'planned with, 4,000 connections',
    'messages/s, due one by one',
    'p50',
    'p99 (min..max)',
    'p99.9',
    'cores used',
  ];
  return markdownTable(head, rows);
}

function ms({ median }: Summary): string {
  return `${threeDigits(median)} ms`;
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
  const memory = (empty + connected) * ROOM_FOR_GARBAGE;
  const megabits = (total * (256 + ENVELOPE_BYTES) * 8) / 1e6;
  const gateways = Math.ceil(cores);
  return [
    `For example ${clients.toLocaleString('en-US')} clients with an opened session each, ${String(each)} messages of 256 bytes a second from each, every one answered:`,
    `${total.toLocaleString('en-US')} messages a second, which come one at a time (the row with 4,000 connections).`,
    `Cores: ${total.toLocaleString('en-US')} / ${thousands(rate)} / ${String(PLANNED_SHARE)} = ${cores.toFixed(1)}.`,
    `Memory: ${empty.toFixed(0)} + ${connected.toFixed(0)} MiB, times ${String(ROOM_FOR_GARBAGE)} = ${memory.toFixed(0)} MiB${memory < LEAST_MEMORY ? `, so ${String(LEAST_MEMORY)} MiB, which is the least` : ''}.`,
    `Network: ${megabits.toFixed(0)} Mbit/s each way.`,
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
        `${FIGURES.rssBeforeBytes.format(rssBeforeBytes.median)} MiB`,
        `${FIGURES.rssPerConnectionBytes.format(each.median)} KiB`,
        `${FIGURES.rssMaxBytes.format(rssMaxBytes.median)} MiB`,
      ],
    ];
  });
  if (rows.length === 0) return '';
  const head = ['memory', 'empty', 'a quiet connection with a session', '5,000 of them'];
  const busiest = largest(record);
  return `${markdownTable(head, rows)}${busiest === '' ? '' : `\n\n${busiest}`}`;
}

/** What no case made a gateway exceed; the idle ones are told already. */
function largest({ cases }: BenchRecord): string {
  const busy = cases
    .filter(({ name }) => name !== 'idle')
    .flatMap(({ title, runs }) =>
      runs
        .filter(({ subject }) => subject.startsWith('sluice'))
        .map(({ variant, figures }) => ({
          where: variant === undefined ? title : `${title}: ${variant}`,
          bytes: figures.rssMaxBytes?.max ?? 0,
        })),
    )
    .sort((a, b) => b.bytes - a.bytes)[0];
  if (busy === undefined || busy.bytes === 0) return '';
  return `The most that a busy gateway took in any case: ${FIGURES.rssMaxBytes.format(busy.bytes)} MiB (${busy.where}).`;
}

/** Of several loads the last: the heavier one. */
function lastRun(record: BenchRecord, name: string, subject: Subject): RunRecord | undefined {
  const runs = record.cases.find((one) => one.name === name)?.runs ?? [];
  return runs.findLast((run) => run.subject === subject);
}
