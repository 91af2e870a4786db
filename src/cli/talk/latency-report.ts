import type { Paint } from '../frame/paint.js';
import { fit } from '../frame/text-width.js';
import { count } from '../frame/quantities.js';
import { latency } from './amounts.js';
import type { HistogramRow, LatencyHistogram } from './latency-histogram.js';
import { bar } from './progress-bar.js';

const ROWS = 8;
/** Fewer make no distribution. */
const LEAST = 10;
const MAX_BAR = 40;
const INDENT = '   ';

/** Min to max in one line, and the distribution as bars. Each line ends with a newline. */
export function latencyReport(histogram: LatencyHistogram, columns: number, paint: Paint): string {
  if (histogram.count === 0) return '';
  const { minMs, meanMs, maxMs } = histogram;
  const named: readonly (readonly [string, number])[] = [
    ['min', minMs],
    ['avg', meanMs],
    ['p50', histogram.quantileMs(0.5)],
    ['p90', histogram.quantileMs(0.9)],
    ['p99', histogram.quantileMs(0.99)],
    ['max', maxMs],
  ];
  const line = named.map(([name, ms]) => `${paint.dim(name)} ${latency(ms)}`).join('  ');
  const rows = histogram.count < LEAST ? [] : histogram.rows(ROWS);
  return `${INDENT}${line}\n${bars(rows, columns, paint)}`;
}

/** The same for programs, in milliseconds. */
export function latencyObject(histogram: LatencyHistogram): Readonly<Record<string, unknown>> {
  const at = (share: number): number => round(histogram.quantileMs(share));
  return {
    min: round(histogram.minMs),
    avg: round(histogram.meanMs),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: round(histogram.maxMs),
    histogram: histogram
      .rows(ROWS)
      .map(({ fromMs, toMs, count: n }) => ({ from: round(fromMs), to: round(toMs), count: n })),
  };
}

/** To a microsecond. */
export function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function bars(rows: readonly HistogramRow[], columns: number, paint: Paint): string {
  if (rows.length === 0) return '';
  const most = Math.max(...rows.map((row) => row.count));
  const labels = rows.map(({ fromMs, toMs }) => `${latency(fromMs)} to ${latency(toMs)}`);
  const labelCells = Math.max(...labels.map((label) => label.length));
  const countCells = count(most).length;
  const cells = Math.min(MAX_BAR, columns - INDENT.length - labelCells - countCells - 4);
  if (cells < 5) return '';
  const lines = rows.map(({ count: n }, index) => {
    const { filled } = bar(n / most, cells);
    // What is there is seen, however little it is.
    const shown = filled === '' && n > 0 ? '▏' : filled;
    return `${INDENT}${paint.dim(fit(labels[index] ?? '', labelCells, 'right'))}  ${fit(count(n), countCells, 'right')}  ${paint.accent(shown)}\n`;
  });
  return `\n${lines.join('')}`;
}
