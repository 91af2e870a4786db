import type { Output } from '../frame/command-io.js';
import { readableColumns, table, wrap, type Row } from '../frame/layout.js';
import { visible } from '../frame/text-width.js';
import { bytes, count } from '../frame/quantities.js';
import { counted, elapsed, perSecond } from './amounts.js';
import type { BenchArguments } from './bench-options.js';
import type { LatencyHistogram } from './latency-histogram.js';
import { latencyObject, latencyReport, round } from './latency-report.js';

export interface BenchResult {
  readonly route: string;
  readonly options: BenchArguments;
  /** Messages whose round trip ended while it was measured. */
  readonly answered: number;
  /** How long was measured. */
  readonly ms: number;
  /** Of this process, in that time. */
  readonly cpuMs: number;
  /** Messages that were due and found no room. */
  readonly behind: number;
  /** Sent and never answered. */
  readonly lost: number;
  readonly reconnects: number;
  readonly errors: ReadonlyMap<string, number>;
  readonly times: LatencyHistogram;
}

/** For people. */
export function benchReport(
  result: BenchResult,
  { paint, columns }: Pick<Output, 'paint' | 'columns'>,
): string {
  const { route, options, answered, ms, cpuMs, behind, lost, reconnects, errors, times } = result;
  const { sessions, streams, rate, inFlight, size } = options;
  const pace =
    rate === undefined
      ? `as fast as it goes with ${count(inFlight)} under way each`
      : `${count(rate)}/s wanted`;
  const setting = `${counted(sessions, 'session')} to ${visible(route)} on ${counted(streams, 'stream')}, ${bytes(size)} a message, ${pace}`;
  const each = perSecond(answered, ms);
  const rows: Row[] = [
    { first: 'measured', text: elapsed(ms) },
    {
      first: 'messages',
      text: `${paint.bold(`${count(each)}/s`)} (${bytes(each * size)}/s), ${count(answered)} in all`,
    },
    { first: 'CPU', text: `${percent(cpuMs, ms)} % of a core, this process alone` },
  ];
  if (behind > 0)
    rows.push({
      first: 'behind',
      text: paint.warn(`${count(behind)} were due and found no room: the rate was not kept`),
    });
  if (lost > 0) rows.push({ first: 'lost', text: paint.bad(`${count(lost)} were never answered`) });
  if (errors.size > 0)
    rows.push({
      first: 'errors',
      text: paint.bad([...errors].map(([code, n]) => `${visible(code)} ${count(n)}`).join(', ')),
    });
  if (reconnects > 0) rows.push({ first: 'reconnects', text: count(reconnects) });
  const width = readableColumns(columns);
  const lines = (text: string): string => wrap(text, width).join('\n');
  const untold =
    answered > 0
      ? ''
      : `\n${paint.warn(lines('Nothing was answered: does the route answer each message? With --until acknowledged it need not.'))}\n`;
  const together =
    'Client and gateway together: where both run on one machine, each had what the other left.';
  return [
    `${lines(setting)}\n\n`,
    table(rows, width, paint.dim),
    times.count === 0 ? '' : `\n${latencyReport(times, columns, paint)}`,
    untold,
    `\n${paint.dim(lines(together))}\n`,
  ].join('');
}

/** For programs: rates a second, times in milliseconds. */
export function benchObject(result: BenchResult): Readonly<Record<string, unknown>> {
  const { route, options, answered, ms, cpuMs, behind, lost, reconnects, errors, times } = result;
  const { sessions, streams, rate, inFlight, size, until, noBatches } = options;
  const each = perSecond(answered, ms);
  return {
    route,
    sessions,
    streams,
    rate: rate ?? null,
    inFlight,
    size,
    until,
    batches: !noBatches,
    seconds: round(ms / 1000),
    answered,
    messagesPerSecond: round(each),
    bytesPerSecond: Math.round(each * size),
    cpuPercent: percent(cpuMs, ms),
    behind,
    lost,
    reconnects,
    errors: Object.fromEntries(errors),
    ms: latencyObject(times),
  };
}

function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.round((part / whole) * 100);
}
