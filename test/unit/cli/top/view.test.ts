import { describe, expect, test } from 'vitest';
import { paint } from '../../../../src/cli/frame/paint.js';
import { cellsOf } from '../../../../src/cli/frame/text-width.js';
import type { Connection } from '../../../../src/cli/look/answers.js';
import { roomFor, snapshotLines, type View, viewLines } from '../../../../src/cli/top/view.js';
import { connection, READY, totals } from '../../../helpers/looks.js';

const PLAIN = paint(false);
const CONNECTIONS: readonly Connection[] = [
  connection({
    clientId: 'reads-nothing',
    sendQueue: { messages: 512, bytes: 1, capacity: 512 },
    bytesInFlight: 65_600,
    slowBecause: 'client',
  }),
  connection({
    clientId: '漢字クライアント名前がとても長い',
    receiveQueue: { messages: 300, bytes: 1, capacity: 512 },
  }),
  connection({ clientId: 'evil\u001b[2J\u202e', peer: '\u009b31m', slowBecause: '\u0007' }),
  connection({ clientId: 'x'.repeat(128), sessions: 1_000_000, sendRate: 123_456_789 }),
];

function view(shown: Partial<View> = {}): View {
  return {
    address: 'http://127.0.0.1:9464',
    look: { readiness: READY, totals: totals() },
    change: { receiveRate: 8_120, sendRate: 7_990, cpu: 0.31 },
    page: { connections: CONNECTIONS, total: 1_203 },
    sort: 'sendQueue',
    match: '',
    slowOnly: false,
    paused: false,
    fault: undefined,
    typing: undefined,
    ...shown,
  };
}

test('80 by 24', () => {
  const lines = viewLines(view(), { columns: 80, rows: 24 }, PLAIN);
  expect(lines.map((line) => line.trimEnd())).toEqual([
    'ready  node-1  sluice 1.2.3  up 1h 0m  http://127.0.0.1:9464',
    'connections 1,203 of 5,000  sessions 4,210 of 100,000  in 8,120/s  out 7,990/s',
    'waiting 12 in, 340 out  loop p99 2 ms  cpu 31%  buffered 12.0 MiB (1%)',
    '',
    'client            sess   in/s  out/s received    to send▾       flight slow',
    'reads-nothing        3    0.4  12.3k ▯▯▯▯▯       ▮▮▮▮▮ 512    64.1 KiB client',
    '漢字クライアン…      3    0.4  12.3k ▮▮▮▯▯ 300   ▯▯▯▯▯             0 B',
    'evil\\u{1b}[2J\\u…     3    0.4  12.3k ▯▯▯▯▯       ▯▯▯▯▯             0 B \\u{7}',
    'xxxxxxxxxxxxxxx…  1.0M    0.4   123M ▯▯▯▯▯       ▯▯▯▯▯             0 B',
    ...Array.from({ length: 14 }, () => ''),
    '4 of 1,203   q quit  s/1-5 sort  w slow only  / client  space pause',
  ]);
});

describe.each([
  [80, 24],
  [30, 8],
  [41, 8],
  [48, 8],
  [55, 8],
  [61, 8],
  [71, 8],
  [106, 30],
  [114, 30],
  [122, 30],
  [132, 30],
  [200, 60],
])('%d by %d', (columns, rows) => {
  test.each([
    ['as it is', view()],
    [
      'not ready, filtered, paused',
      view({
        look: {
          readiness: { ready: false, reasons: ['draining'] },
          totals: totals({ slow: { client: 1, route: 9 } }),
        },
        match: '漢字',
        slowOnly: true,
        paused: true,
      }),
    ],
    [
      'nobody there',
      view({ page: { connections: [], total: 0 }, fault: `nothing answers ${'…'.repeat(300)}` }),
    ],
    ['typing', view({ typing: '漢字'.repeat(60) })],
    [
      'many',
      view({ page: { connections: Array.from({ length: 1_000 }, () => connection()), total: 9_999_999 } }),
    ],
  ])('fills the screen and nothing beyond, in colours or not: %s', (_, shown) => {
    const lines = viewLines(shown, { columns, rows }, PLAIN);
    expect(lines).toHaveLength(rows);
    for (const line of lines) {
      expect(cellsOf(line), line).toBeLessThanOrEqual(columns);
      expect(line).toMatch(/^\P{C}*$/u);
    }
    const painted = viewLines(shown, { columns, rows }, paint(true));
    expect(painted.map((line) => line.replaceAll(/\u001b\[\d+m/g, ''))).toEqual(lines);
  });
});

test('columns come with the room for them', () => {
  const titles = (columns: number): string[] =>
    (viewLines(view(), { columns, rows: 24 }, PLAIN)[4] ?? '').split(/ +/).slice(0, 5);
  expect(titles(105)).toEqual(['client', 'sess', 'in/s', 'out/s', 'received']);
  expect(titles(106)).toEqual(['client', 'peer', 'sess', 'in/s', 'out/s']);
  expect(titles(132)).toEqual(['client', 'peer', 'state', 'age', 'idle']);
});

test('colours tell what is wrong', () => {
  const shown = view({ look: { readiness: { ready: false, reasons: ['draining'] }, totals: totals() } });
  const lines = viewLines(shown, { columns: 80, rows: 24 }, paint(true));
  expect(lines[0]).toContain('\u001b[31mNOT READY: draining\u001b[39m');
  expect(lines[3]).toBe('');
  expect(lines[5]).toContain('\u001b[31m▮▮▮▮▮ 512');
  expect(lines[6]).toContain('\u001b[33m▮▮▮▯▯ 300');
  const paused = connection({ slowBecause: 'paused' });
  const [, , , , , line] = viewLines(
    view({ page: { connections: [paused], total: 1 } }),
    { columns: 80, rows: 24 },
    paint(true),
  );
  expect(line).toContain('\u001b[2mpaused');
});

test.each([
  [{}, 'There are no connections.'],
  [{ match: 'x' }, 'There is no such client.'],
  [{ slowOnly: true, match: 'x' }, 'Nothing is held up.'],
])('nothing to show with %j', (shown, expected) => {
  const lines = viewLines(
    view({ page: { connections: [], total: 0 }, ...shown }),
    { columns: 80, rows: 24 },
    PLAIN,
  );
  expect(lines[5]).toBe(expected);
});

test('a rate that is not known yet is not shown as none', () => {
  const young = { receiveRate: 0, sendRate: 0, ageMs: 9_999 };
  const lines = snapshotLines(
    view({
      change: { receiveRate: undefined, sendRate: 0, cpu: undefined },
      page: { connections: [connection(young), connection({ ...young, ageMs: 10_000 })], total: 2 },
    }),
    80,
    PLAIN,
  );
  expect(lines[1]).toContain('in –  out 0/s');
  expect(lines[5]).toMatch(/^alice +3 +– +– ▯/);
  expect(lines[6]).toMatch(/^alice +3 +0 +0 ▯/);
});

test('a field that is wider than the screen is cut, and its line not left empty', () => {
  const lines = viewLines(view(), { columns: 20, rows: 8 }, PLAIN);
  expect(lines.slice(1, 3)).toEqual(['connections 1,203 o…', 'waiting 12 in, 340 …']);
});

test('a snapshot has all connections and no keys', () => {
  const lines = snapshotLines(view(), 120, PLAIN);
  expect(lines).toHaveLength(4 + 1 + CONNECTIONS.length);
  expect(lines.join('\n')).not.toContain('quit');
  for (const line of lines) expect(line).toBe(line.trimEnd());
});

test('there is room for a connection on any screen', () => {
  expect([1, 6, 7, 24, 60].map(roomFor)).toEqual([1, 1, 1, 18, 54]);
});
