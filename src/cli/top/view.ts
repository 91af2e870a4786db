import type { Paint } from '../frame/paint.js';
import { bytes, count, milliseconds, percent, rate, span, UNKNOWN } from '../frame/quantities.js';
import { cellsOf, cut, visible } from '../frame/text-width.js';
import type { ConnectionPage } from '../look/answers.js';
import { findings } from '../look/findings.js';
import type { Look } from '../look/look.js';
import type { Change } from './change.js';
import { columnsFor, connectionLine, titleLine } from './columns.js';
import type { Sort } from './sorts.js';

/** What is shown, whatever it is shown on. */
export interface View {
  readonly address: string;
  readonly look: Look;
  readonly change: Change;
  readonly page: ConnectionPage;
  readonly sort: Sort;
  /** A part of client IDs; "" for all. */
  readonly match: string;
  readonly slowOnly: boolean;
  readonly paused: boolean;
  /** Why there is nothing newer. */
  readonly fault: string | undefined;
  /** What is being typed for `match`. */
  readonly typing: string | undefined;
}

export interface ViewSize {
  readonly columns: number;
  readonly rows: number;
}

/** The rows above the connections: three of numbers, one of what is wrong, one of titles, and one of keys below. */
const FRAME_ROWS = 6;

/** How many connections a screen of so many rows shows. */
export function roomFor(rows: number): number {
  return Math.max(1, rows - FRAME_ROWS);
}

/** The lines of the screen, as many as there are rows, none wider than it. */
export function viewLines(view: View, { columns, rows }: ViewSize, paint: Paint): readonly string[] {
  const shown = columnsFor(columns);
  const body = view.page.connections
    .slice(0, roomFor(rows))
    .map((connection) => connectionLine(shown, connection, paint));
  const lines = [...headLines(view, columns, paint), titleLine(shown, view.sort, paint), ...body];
  if (body.length === 0) lines.push(paint.dim(nothingText(view)));
  while (lines.length < rows - 1) lines.push('');
  return [...lines.slice(0, rows - 1), footLine(view, columns, paint)];
}

/** The same without a screen: as many lines as there are connections. */
export function snapshotLines(view: View, columns: number, paint: Paint): readonly string[] {
  const shown = columnsFor(columns);
  return [
    ...headLines(view, columns, paint),
    titleLine(shown, view.sort, paint),
    ...view.page.connections.map((connection) => connectionLine(shown, connection, paint)),
    ...(view.page.connections.length === 0 ? [nothingText(view)] : []),
  ].map((line) => line.trimEnd());
}

/** Text, and how it is painted once it has been cut. */
type Piece = readonly [text: string, paint?: (text: string) => string];

function headLines({ address, look, change, fault }: View, columns: number, paint: Paint): readonly string[] {
  const { readiness, totals } = look;
  const { gateway, connections, sessions, bytes: memory, queues } = totals;
  const { loopDelay, heapUsedBytes, rssBytes } = gateway.process;
  const found = findings(readiness, totals);
  const state: Piece =
    fault !== undefined
      ? ['NO ANSWER', (text) => paint.bold(paint.bad(text))]
      : readiness.ready
        ? ['ready', (text) => paint.bold(paint.good(text))]
        : [`NOT READY: ${readiness.reasons.map(visible).join(', ')}`, (text) => paint.bold(paint.bad(text))];
  // What "NOT READY" says need not be said again.
  const wrong = found.filter(({ text }) => !text.startsWith('not ready'));
  return [
    line(columns, [
      state,
      [`  ${visible(gateway.nodeId)}  sluice ${visible(gateway.version)}  up ${span(gateway.uptimeMs)}`],
      [`  ${visible(address)}`, paint.dim],
    ]),
    fields(columns, paint, [
      ['connections', ofLimit(connections.active, gateway.limits.connections)],
      ['sessions', ofLimit(sessions.active, gateway.limits.sessions)],
      ['in', rateOf(change.receiveRate)],
      ['out', rateOf(change.sendRate)],
    ]),
    fields(columns, paint, [
      ['waiting', `${count(queues.receive.messages)} in, ${count(queues.send.messages)} out`],
      ['loop p99', loopDelay.overMs === 0 ? UNKNOWN : milliseconds(loopDelay.p99Ms)],
      ['cpu', change.cpu === undefined ? UNKNOWN : percent(change.cpu, 1)],
      [
        'buffered',
        bytes(memory.buffered) + (memory.budget === 0 ? '' : ` (${percent(memory.buffered, memory.budget)})`),
      ],
      ['rss', bytes(rssBytes)],
      ['heap', bytes(heapUsedBytes)],
    ]),
    fault === undefined
      ? line(
          columns,
          wrong.map(({ level, text }, index) => [`${index === 0 ? '' : '; '}${visible(text)}`, paint[level]]),
        )
      : line(columns, [[visible(fault), paint.bad]]),
  ];
}

function footLine({ page, match, slowOnly, paused, typing }: View, columns: number, paint: Paint): string {
  if (typing !== undefined) {
    return line(columns, [
      ['client ID holds: ', paint.bold],
      [`${visible(typing)}▏`],
      ['   Enter, Esc', paint.dim],
    ]);
  }
  const filters = [...(slowOnly ? ['slow only'] : []), ...(match === '' ? [] : [`"${visible(match)}"`])];
  return line(columns, [
    ...(paused ? [[' PAUSED ', paint.inverse] as const, [' '] as const] : []),
    ...(filters.length === 0 ? [] : [[`${filters.join(', ')}  `, paint.accent] as const]),
    [`${count(page.connections.length)} of ${count(page.total)}   `],
    ['q quit  s/1-5 sort  w slow only  / client  space pause', paint.dim],
  ]);
}

function nothingText({ match, slowOnly }: View): string {
  if (slowOnly) return 'Nothing is held up.';
  return match === '' ? 'There are no connections.' : 'There is no such client.';
}

function ofLimit(active: number, limit: number): string {
  return limit === 0 ? count(active) : `${count(active)} of ${count(limit)}`;
}

function rateOf(perSecond: number | undefined): string {
  return perSecond === undefined ? UNKNOWN : `${rate(perSecond)}/s`;
}

/** Names and values, as many as there is room for; where there is none for the first, what there is of it. */
function fields(
  columns: number,
  paint: Paint,
  all: readonly (readonly [name: string, value: string])[],
): string {
  let text = '';
  let left = columns;
  for (const [name, value] of all) {
    if (text === '' && cellsOf(name) + 1 + cellsOf(value) > columns)
      return line(columns, [[`${name} `, paint.dim], [value]]);
    const gap = text === '' ? '' : '  ';
    left -= cellsOf(gap) + cellsOf(name) + 1 + cellsOf(value);
    if (left < 0) break;
    text += `${gap}${paint.dim(name)} ${value}`;
  }
  return text;
}

/** Pieces one behind the other, cut where the line ends. */
function line(columns: number, pieces: readonly Piece[]): string {
  let left = columns;
  let text = '';
  for (const [piece, colour = (plain: string) => plain] of pieces) {
    const shown = cut(piece, left);
    text += colour(shown);
    left -= cellsOf(shown);
    if (left <= 0) break;
  }
  return text;
}
