import type { Summary } from './statistics.js';
import type { Subject } from './subjects.js';

/** Colours have names; which they are depends on whether the reader's page is light or dark. */
export type Tone = Subject | 'met' | 'missed';

export interface ChartItem {
  readonly label: string;
  readonly tone: Tone;
  readonly value: Summary;
  /** The value as the reader is told it. */
  readonly text: string;
  /** Drawn as a line across the row: what was wanted. */
  readonly wanted?: number;
}

export interface ChartGroup {
  readonly title: string;
  readonly items: readonly ChartItem[];
}

export interface Chart {
  readonly title: string;
  /** What the axis shows, with its unit. */
  readonly axis: string;
  /** Bars start at 0; where values lie decades apart, points on a logarithmic axis. */
  readonly scale: 'linear' | 'logarithmic';
  readonly groups: readonly ChartGroup[];
  /** One line through all rows. */
  readonly limit?: { readonly value: number; readonly label: string };
  readonly formatTick: (value: number) => string;
}

/** Units of the drawing, narrow enough for its words to be read on a phone, which shows it at two thirds. */
const WIDTH = 600;
const LEFT = 152;
const RIGHT = 192;
const PLOT = WIDTH - LEFT - RIGHT;
const ROW = 24;
const BAR = 14;
const GROUP_HEAD = 28;
const HEAD = 42;
const AXIS_LINE = 19;
const FOOT = 48;
/** Of the font that is widest among those a page may have; in units. */
export const CHARACTER = 8.2;
const AXIS_CHARACTERS = Math.floor((WIDTH - 32) / CHARACTER);
/** More ticks than this on a logarithmic axis, and only powers of ten have room for a label. */
const MOST_LABELS = 6;

const STYLE = `
  :root { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d8dee4;
    --sluice: #0b5fd0; --sluice-simple: #6aa7f0; --go: #1a8a72; --plain: #c77b12; --http2: #8b939c;
    --met: #1a8a72; --missed: #cf3a36; }
  @media (prefers-color-scheme: dark) {
    :root { --page: #15191f; --ink: #e6edf3; --soft: #9aa4af; --grid: #363d46;
      --sluice: #58a0ff; --sluice-simple: #2f66b0; --go: #3cb89b; --plain: #e0a043; --http2: #7d8590;
      --met: #3cb89b; --missed: #f2716b; } }
  text { font: 14px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: var(--ink); }
  .title { font-size: 16px; font-weight: 600; }
  .group { font-weight: 600; }
  .soft { fill: var(--soft); }
  .grid { stroke: var(--grid); stroke-width: 1; }
  .range { stroke: var(--ink); stroke-width: 1.2; }
  .wanted { stroke: var(--ink); stroke-width: 2.5; }
  .limit { stroke: var(--missed); stroke-width: 1.5; stroke-dasharray: 5 3; }`;

/** Rows of medians with their range from min to max, as an SVG that reads on light and on dark pages. */
export function renderChart(chart: Chart): string {
  const rows = chart.groups.reduce((sum, { items }) => sum + GROUP_HEAD + items.length * ROW, 0);
  const words = wrapped(chart.axis, AXIS_CHARACTERS);
  const top = HEAD + words.length * AXIS_LINE;
  const bottom = top + Math.max(rows, ROW);
  const height = bottom + FOOT;
  const body = chart.groups.length === 0 ? notMeasured(top) : drawn(chart, top, bottom);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" height="${String(height)}" role="img" aria-label="${escape(chart.title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect width="${String(WIDTH)}" height="${String(height)}" rx="8" fill="var(--page)"/>`,
    text(16, 27, chart.title, 'title'),
    ...words.map((line, index) => text(16, HEAD + 6 + index * AXIS_LINE, line, 'soft')),
    ...body,
    '</svg>',
  ].join('\n')}\n`;
}

function drawn(chart: Chart, top: number, bottom: number): string[] {
  const scale = scaleOf(chart);
  return [...axis(chart, scale, top, bottom), ...groups(chart, scale, top)];
}

function notMeasured(top: number): string[] {
  return [text(16, top + 16, 'not measured in this run', 'soft')];
}

/** Lines of at most `most` characters, broken between words. */
export function wrapped(words: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of words.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

interface Scale {
  readonly ticks: readonly number[];
  readonly x: (value: number) => number;
}

function scaleOf({ groups: all, scale, limit }: Chart): Scale {
  const items = all.flatMap(({ items: some }) => some);
  const extra = limit === undefined ? [] : [limit.value];
  const high = Math.max(...items.flatMap(({ value, wanted }) => [value.max, wanted ?? 0]), ...extra);
  if (scale === 'logarithmic') {
    const low = Math.min(...items.map(({ value }) => value.min));
    const ticks = logarithmicTicks(low, high);
    const from = Math.log10(ticks[0] ?? 1);
    const span = Math.log10(ticks.at(-1) ?? 10) - from;
    return { ticks, x: (value) => LEFT + ((Math.log10(value) - from) / span) * PLOT };
  }
  const ticks = linearTicks(high);
  const top = ticks.at(-1) ?? 1;
  return { ticks, x: (value) => LEFT + (value / top) * PLOT };
}

/** From 0 in steps of 1, 2 or 5 times a power of ten, four to eight of them, the last not below `high`. */
export function linearTicks(high: number): number[] {
  if (!(high > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(high));
  const step = [power / 5, power / 2, power, power * 2].find((size) => high / size <= 6) ?? power;
  const count = Math.ceil(high / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** 1, 2 and 5 times powers of ten, from the last not above `low` to the first not below `high`; both above 0. */
export function logarithmicTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const all: number[] = [];
  for (let power = first; power <= last; power += 1) {
    for (const digit of [1, 2, 5]) all.push(Number((digit * 10 ** power).toPrecision(12)));
  }
  const from = all.findLastIndex((tick) => tick <= low);
  const to = all.findIndex((tick, index) => tick >= high && index > from);
  return all.slice(Math.max(from, 0), to + 1);
}

function isPowerOfTen(value: number): boolean {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-9;
}

function axis(chart: Chart, { ticks, x }: Scale, top: number, bottom: number): string[] {
  const isCrowded = chart.scale === 'logarithmic' && ticks.length > MOST_LABELS;
  const lines = ticks.flatMap((tick) => [
    line(x(tick), top, x(tick), bottom, 'grid'),
    ...(isCrowded && !isPowerOfTen(tick)
      ? []
      : [text(x(tick), bottom + 18, chart.formatTick(tick), 'soft', 'middle')]),
  ]);
  const { limit } = chart;
  if (limit === undefined) return lines;
  return [
    ...lines,
    line(x(limit.value), top - 4, x(limit.value), bottom, 'limit'),
    text(x(limit.value), bottom + 37, limit.label, 'soft', 'middle'),
  ];
}

function groups(chart: Chart, scale: Scale, from: number): string[] {
  const parts: string[] = [];
  let top = from;
  for (const group of chart.groups) {
    // A page's colour behind it: grid lines would cross the words.
    const width = Math.min(group.title.length * CHARACTER + 8, WIDTH - 32);
    parts.push(
      `<rect x="12" y="${String(top + 4)}" width="${n(width)}" height="20" fill="var(--page)"/>`,
      text(16, top + 20, group.title, 'group'),
    );
    top += GROUP_HEAD;
    for (const item of group.items) {
      parts.push(...row(item, chart.scale, scale, top));
      top += ROW;
    }
  }
  return parts;
}

function row(item: ChartItem, kind: Chart['scale'], { x, ticks }: Scale, top: number): string[] {
  const { min, median, max } = item.value;
  const middle = top + ROW / 2;
  const fill = `fill="var(--${item.tone})"`;
  const left = x(ticks[0] ?? 0);
  const mark =
    kind === 'linear'
      ? `<rect x="${n(left)}" y="${n(middle - BAR / 2)}" width="${n(Math.max(x(median) - left, 1))}" height="${String(BAR)}" rx="2" ${fill}/>`
      : `<circle cx="${n(x(median))}" cy="${n(middle)}" r="5.5" ${fill}/>`;
  const range = [
    line(x(min), middle, x(max), middle, 'range'),
    line(x(min), middle - 3, x(min), middle + 3, 'range'),
    line(x(max), middle - 3, x(max), middle + 3, 'range'),
  ];
  const wanted =
    item.wanted === undefined ? [] : [line(x(item.wanted), top + 1, x(item.wanted), top + ROW - 1, 'wanted')];
  return [
    text(LEFT - 10, middle + 5, item.label, '', 'end'),
    mark,
    ...range,
    ...wanted,
    text(WIDTH - RIGHT + 12, middle + 5, item.text),
  ];
}

function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" class="${name}"/>`;
}

function text(x: number, y: number, words: string, name = '', anchor = ''): string {
  const attributes = `${name === '' ? '' : ` class="${name}"`}${anchor === '' ? '' : ` text-anchor="${anchor}"`}`;
  return `<text x="${n(x)}" y="${n(y)}"${attributes}>${escape(words)}</text>`;
}

function n(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escape(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
