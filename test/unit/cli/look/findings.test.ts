import { expect, test } from 'vitest';
import type { Readiness, Totals } from '../../../../src/cli/look/answers.js';
import { findings } from '../../../../src/cli/look/findings.js';
import { READY, totals } from '../../../helpers/looks.js';

function found(shown: Totals, readiness: Readiness = READY): string[] {
  return findings(readiness, shown).map(({ level, text }) => `${level}: ${text}`);
}

function loop(p99Ms: number): Totals {
  const { process } = totals().gateway;
  return totals({ process: { ...process, loopDelay: { ...process.loopDelay, p99Ms, maxMs: 900 } } });
}

test('nothing, when all is well', () => {
  expect(found(totals())).toEqual([]);
});

test('not ready, and why', () => {
  expect(found(totals(), { ready: false, reasons: ['draining', 'engine away'] })).toEqual([
    'bad: not ready: draining, engine away',
  ]);
  expect(found(totals(), { ready: false, reasons: [] })).toEqual(['bad: not ready: no reason is given']);
});

test.each([
  [4_499, []],
  [4_500, ['warn: connections: 4,500 of 5,000 there may be']],
  [5_000, ['bad: connections: 5,000 of 5,000 there may be']],
])('%d connections of 5,000', (active, expected) => {
  expect(found(totals({}, { connections: { active, rejected: {} } }))).toEqual(expected);
});

test('sessions, sockets and memory that are nearly used up; a limit of 0 is none', () => {
  const gibibyte = 1_024 ** 3;
  const full = totals(
    { limits: { connections: 0, sessions: 10, sockets: 10, edgeSockets: 10 } },
    {
      sessions: { active: 9, windowed: { detached: 0 } },
      sockets: { active: 10, edge: 9 },
      bytes: { buffered: 0.95 * gibibyte, budget: gibibyte },
    },
  );
  expect(found(full)).toEqual([
    'bad: sockets: 10 of 10 there may be',
    'bad: memory.budget is used up to 95%: 973 MiB of 1.0 GiB are buffered',
    'warn: sessions: 9 of 10 there may be',
    'warn: HTTP sockets: 9 of 10 there may be',
  ]);
});

test.each([
  [49, []],
  [50, [expect.stringMatching(/^warn: the event loop is late: 50 ms \(p99\), 900 ms at most; /)]],
  [250, [expect.stringMatching(/^bad: the event loop is late: 250 ms/)]],
])('an event loop that is %d ms late', (p99Ms, expected) => {
  expect(found(loop(p99Ms))).toEqual(expected);
});

test('who is held up, the most first; a pause is nobody else’s doing; a reason of a later gateway is named', () => {
  expect(found(totals({ slow: { route: 1, paused: 7, client: 1_200, moon: 2 } }))).toEqual([
    'warn: 1,200 held up (client): the client does not read fast enough',
    'warn: 2 held up (moon)',
    'warn: 1 held up (route): what handles its messages is slow',
  ]);
});

test('backends that are away: how many of an upstream, which, and who waits for one', () => {
  const well = { address: 'one:1', down: false, health: 'serving', breaker: 'closed' };
  const bare = { address: 'two:2', down: false, health: 'unwatched', breaker: 'half-open' };
  const gone = { address: 'three:3', down: true, health: 'unreachable', breaker: 'closed' };
  const open = { address: 'four:4', down: true, health: 'serving', breaker: 'open' };
  const upstream = (name: string, waiting: number, ...addresses: (typeof well)[]) => ({
    name,
    waiting,
    addresses,
  });
  const upstreams = [
    upstream('fine', 3, well, bare),
    upstream('half', 0, well, gone),
    upstream('dead', 1_200, gone, open),
  ];
  expect(found(totals({}, { upstreams }))).toEqual([
    'bad: upstream dead: 2 of 2 backends are away, three:3 (unreachable), four:4 (breaker open); 1,200 wait for one',
    'warn: upstream half: 1 of 2 backends is away, three:3 (unreachable)',
  ]);
});
