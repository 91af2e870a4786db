import { bytes, rate, shortCount, span, UNKNOWN } from '../frame/quantities.js';
import type { Paint } from '../frame/paint.js';
import { fit, visible } from '../frame/text-width.js';
import type { Connection, Queue } from '../look/answers.js';
import { knownRate } from './known-rate.js';
import type { Sort } from './sorts.js';

interface Column {
  readonly title: string;
  readonly cells: number;
  readonly align: 'left' | 'right';
  readonly sort?: Sort;
  /** Left out where the terminal is narrower. */
  readonly fromColumns: number;
  readonly text: (connection: Connection) => string;
  readonly colour?: (connection: Connection, paint: Paint) => (text: string) => string;
}

const BAR_CELLS = 5;
/** From here on a queue is worth a look; from there it holds its route or its client up. */
const HALF_FULL = 0.5;
const NEARLY_FULL = 0.9;

const RIGHT_OF_CLIENT: readonly Column[] = [
  column('peer', 22, 'left', 106, ({ peer }) => visible(peer)),
  column('state', 8, 'left', 132, ({ state }) => visible(state)),
  column('age', 7, 'right', 122, ({ ageMs }) => span(ageMs).split(' ')[0] ?? ''),
  column('idle', 6, 'right', 114, ({ idleMs }) => span(idleMs).split(' ')[0] ?? ''),
  column('sess', 5, 'right', 62, ({ sessions }) => shortCount(sessions)),
  {
    ...column('in/s', 6, 'right', 56, ({ receiveRate, ageMs }) => shortRate(receiveRate, ageMs)),
    sort: 'receiveRate',
  },
  {
    ...column('out/s', 6, 'right', 49, ({ sendRate, ageMs }) => shortRate(sendRate, ageMs)),
    sort: 'sendRate',
  },
  {
    ...column('received', 11, 'left', 42, ({ receiveQueue }) => gauge(receiveQueue)),
    sort: 'receiveQueue',
    colour: ({ receiveQueue }, paint) => byFill(receiveQueue, paint),
  },
  {
    ...column('to send', 11, 'left', 0, ({ sendQueue }) => gauge(sendQueue)),
    sort: 'sendQueue',
    colour: ({ sendQueue }, paint) => byFill(sendQueue, paint),
  },
  {
    ...column('flight', 9, 'right', 72, ({ bytesInFlight }) => bytes(bytesInFlight)),
    sort: 'bytesInFlight',
  },
  {
    ...column('slow', 9, 'left', 0, ({ slowBecause }) => visible(slowBecause ?? '')),
    colour: ({ slowBecause }, paint) => (slowBecause === 'paused' ? paint.dim : paint.bad),
  },
];

const MIN_CLIENT = 8;
const MAX_CLIENT = 48;

/** The columns that a terminal has room for; the client's takes what the others leave. */
export function columnsFor(columns: number): readonly Column[] {
  const others = RIGHT_OF_CLIENT.filter(({ fromColumns }) => columns >= fromColumns);
  const taken = others.reduce((sum, { cells }) => sum + cells + 1, 0);
  const cells = Math.min(MAX_CLIENT, Math.max(MIN_CLIENT, columns - taken));
  return [column('client', cells, 'left', 0, ({ clientId }) => visible(clientId)), ...others];
}

/** The titles; that of the order is marked. */
export function titleLine(shown: readonly Column[], sort: Sort, paint: Paint): string {
  return shown
    .map(({ title, cells, align, sort: own }) => {
      const text = fit(own === sort ? `${title}▾` : title, cells, align);
      return own === sort ? paint.bold(text) : paint.dim(text);
    })
    .join(' ');
}

export function connectionLine(shown: readonly Column[], connection: Connection, paint: Paint): string {
  return shown
    .map(({ text, cells, align, colour }) => {
      const cell = fit(text(connection), cells, align);
      return colour === undefined ? cell : colour(connection, paint)(cell);
    })
    .join(' ');
}

function column(
  title: string,
  cells: number,
  align: 'left' | 'right',
  fromColumns: number,
  text: (connection: Connection) => string,
): Column {
  return { title, cells, align, fromColumns, text };
}

/** `▮▮▯▯▯ 103`: how full it is, and with how many. */
function gauge({ messages, capacity }: Queue): string {
  const filled = capacity === 0 ? 0 : Math.min(BAR_CELLS, Math.ceil((BAR_CELLS * messages) / capacity));
  return `${'▮'.repeat(filled)}${'▯'.repeat(BAR_CELLS - filled)} ${messages === 0 ? '' : shortCount(messages)}`;
}

function byFill({ messages, capacity }: Queue, paint: Paint): (text: string) => string {
  const fill = capacity === 0 ? 0 : messages / capacity;
  if (fill >= NEARLY_FULL) return paint.bad;
  if (fill >= HALF_FULL) return paint.warn;
  return messages === 0 ? paint.dim : (text) => text;
}

function shortRate(told: number, ageMs: number): string {
  const perSecond = knownRate(told, ageMs);
  if (perSecond === undefined) return UNKNOWN;
  return perSecond < 10 ? rate(perSecond) : shortCount(perSecond);
}
