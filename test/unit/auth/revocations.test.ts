import { describe, expect, it, test } from 'vitest';
import { parseTime } from '../../../src/auth/rfc3339.js';
import { readRevocations, WHENEVER_MS } from '../../../src/auth/revocation-file.js';
import { Revocations, TooManyRevocations } from '../../../src/auth/revocations.js';
import { StartError } from '../../../src/core/start-error.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { TemporaryFile } from '../../helpers/temporary-file.js';

const HOUR = 3_600_000;
const NOON = Date.UTC(2024, 0, 1, 12);

function open(options: { file?: string; max?: number } = {}): {
  revocations: Revocations;
  clock: FakeClock;
  logger: RecordingLogger;
  revoked: [string, number][];
  counters: { revocationsMade: number };
} {
  const clock = new FakeClock({ wallStartMs: NOON });
  const logger = new RecordingLogger();
  const revoked: [string, number][] = [];
  const counters = { revocationsMade: 0 };
  const revocations = new Revocations({
    file: '',
    reloadIntervalMs: 60_000,
    max: 10,
    maxTokenLifetimeMs: 24 * HOUR,
    onRevoked: (...what) => revoked.push(what),
    counters,
    clock,
    logger,
    ...options,
  });
  return { revocations, clock, logger, revoked, counters };
}

describe('a revocation', () => {
  it('refuses what was issued before it, and what does not say when', () => {
    const { revocations, revoked, counters } = open();
    expect(revocations.refuses('ann', NOON - 1)).toBe(false);
    expect(revocations.revoke('ann')).toEqual({
      subject: 'ann',
      source: 'api',
      issuedBeforeMs: NOON,
      untilMs: NOON + 24 * HOUR,
    });
    expect(revoked).toEqual([['ann', NOON]]);
    expect(counters.revocationsMade).toBe(1);
    expect(revocations.refuses('ann', NOON - HOUR)).toBe(true);
    expect(revocations.refuses('ann', undefined)).toBe(true);
    expect(revocations.refuses('ann', NOON + 1_000)).toBe(false);
    expect(revocations.refuses('bob', undefined)).toBe(false);
  });

  it('refuses what was issued within its second, for nobody can tell which was first', () => {
    const { revocations, clock } = open();
    clock.advance(999);
    revocations.revoke('ann');
    expect(revocations.refuses('ann', NOON)).toBe(true);
    expect(revocations.refuses('ann', NOON + 999)).toBe(true);
    expect(revocations.refuses('ann', NOON + 1_000)).toBe(false);
  });

  it('is over when no token of before can live any more', () => {
    const { revocations, clock } = open();
    revocations.revoke('ann');
    clock.advance(24 * HOUR - 1);
    expect(revocations.refuses('ann', undefined)).toBe(true);
    clock.advance(1);
    expect(revocations.refuses('ann', undefined)).toBe(false);
    expect(revocations.size).toBe(0);
    expect([...revocations.list()]).toEqual([]);
    expect(revocations.pardon('ann')).toBe(false);
  });

  it('made again is never weaker than before', () => {
    const { revocations, clock } = open();
    revocations.revoke('ann', { issuedBeforeMs: NOON + HOUR, untilMs: NOON + 48 * HOUR });
    clock.advance(10);
    expect(revocations.revoke('ann')).toMatchObject({
      issuedBeforeMs: NOON + HOUR,
      untilMs: NOON + 48 * HOUR,
    });
    expect(revocations.size).toBe(1);
    clock.advance(2 * HOUR);
    expect(revocations.revoke('ann').issuedBeforeMs).toBe(NOON + 2 * HOUR + 10);
  });

  it('can be taken back, once', () => {
    const { revocations } = open();
    revocations.revoke('ann');
    expect(revocations.pardon('ann')).toBe(true);
    expect(revocations.pardon('ann')).toBe(false);
    expect(revocations.refuses('ann', undefined)).toBe(false);
  });

  it('beyond the bound is refused and not made; one that is over makes room', () => {
    const { revocations, clock, revoked } = open({ max: 2 });
    revocations.revoke('ann', { untilMs: NOON + HOUR });
    revocations.revoke('bob');
    expect(() => revocations.revoke('cid')).toThrow(TooManyRevocations);
    expect(() => revocations.revoke('cid')).toThrow(
      '2 subjects are revoked, and no more can be held (auth.revocation.max).',
    );
    expect(revocations.refuses('cid', undefined)).toBe(false);
    expect(revoked).toHaveLength(2);
    revocations.revoke('bob');
    clock.advance(HOUR);
    revocations.revoke('cid');
    expect([...revocations.list()].map(({ subject }) => subject)).toEqual(['bob', 'cid']);
  });
});

describe('the file', () => {
  it('holds as long as it says so', () => {
    using file = new TemporaryFile('ann\nbob 2024-01-01T11:00:00Z\n');
    const { revocations, clock, revoked, counters } = open({ file: file.path, max: 3 });
    expect(revoked).toEqual([]);
    clock.advance(1_000 * HOUR);
    expect(revocations.refuses('ann', NOON + 2_000 * HOUR)).toBe(true);
    expect(revocations.refuses('bob', NOON - HOUR)).toBe(true);
    expect(revocations.refuses('bob', NOON - HOUR + 1_000)).toBe(false);
    expect(revocations.refuses('bob', undefined)).toBe(true);
    expect(revocations.pardon('ann')).toBe(false);
    expect([...revocations.list()]).toEqual([
      { subject: 'ann', source: 'file', issuedBeforeMs: WHENEVER_MS, untilMs: undefined },
      { subject: 'bob', source: 'file', issuedBeforeMs: NOON - HOUR, untilMs: undefined },
    ]);
    expect(new Date(WHENEVER_MS).toISOString()).toBe('9999-12-31T23:59:59.000Z');
    revocations.revoke('cid');
    expect(() => revocations.revoke('dan')).toThrow(TooManyRevocations);
    file.write('');
    revocations.reload();
    expect(revocations.refuses('ann', undefined)).toBe(false);
    expect(counters.revocationsMade).toBe(1);
  });

  it('acts at once on what is new in it', () => {
    using file = new TemporaryFile('ann\nbob 2024-01-01T11:00:00Z\n');
    const { revocations, clock, revoked, logger, counters } = open({ file: file.path });
    revocations.start();
    file.write('cid 2024-01-01T10:00:00Z\nann 2024-01-01T11:00:00Z\nbob 2024-01-01T11:30:00Z\n');
    clock.advance(60_000);
    expect(revoked).toEqual([
      ['cid', NOON - 2 * HOUR],
      ['bob', NOON - HOUR / 2],
    ]);
    expect(counters.revocationsMade).toBe(2);
    file.write('dan\n"eve');
    clock.advance(60_000);
    expect(revocations.refuses('dan', undefined)).toBe(false);
    expect(revocations.refuses('cid', undefined)).toBe(true);
    expect(logger.messages('error')).toEqual([
      `auth.revocation.file: "${file.path}" line 2: a quote is not closed, or not at the end of the subject. What it held before stays in use.`,
    ]);
    revocations.stop();
    expect(clock.pending).toBe(0);
  });

  it('that can not be used stops the start', () => {
    using file = new TemporaryFile('a b');
    expect(() => open({ file: file.path })).toThrow(StartError);
  });

  it('is read line by line', () => {
    const text = [
      '\uFEFF# thrown out',
      '',
      '  ann  ',
      'spiffe://example.org/a\t2024-01-01T12:00:00.5+01:00\r',
      '"Ann Lee"   2024-01-01T12:00:00Z',
      '"#1 \\"quoted\\" \\\\"',
      'it\'s"fine',
    ].join('\n');
    expect([...readRevocations(text, 10)]).toEqual([
      ['ann', WHENEVER_MS],
      ['spiffe://example.org/a', NOON - HOUR + 500],
      ['Ann Lee', NOON],
      ['#1 "quoted" \\', WHENEVER_MS],
      ['it\'s"fine', WHENEVER_MS],
    ]);
  });

  it('may name a subject again: the latest time holds, and it counts once', () => {
    const [early, late] = ['2024-01-01T12:00:00Z', '2024-01-01T13:00:00Z'];
    const text = `ann ${late}\nben ${early}\nann ${early}\nben ${late}\ncid\ncid ${late}`;
    expect([...readRevocations(text, 3)]).toEqual([
      ['ann', NOON + HOUR],
      ['ben', NOON + HOUR],
      ['cid', WHENEVER_MS],
    ]);
  });

  test.each([
    ['ann lee', 'line 1: behind the subject stands something else than a time'],
    ['ann 2024-01-01', 'line 1: behind the subject'],
    ['ann 2024-01-01T00:00:00Z x', 'line 1: behind the subject'],
    ['ann # why', 'line 1: behind the subject'],
    ['"ann"2024-01-01T00:00:00Z', 'line 1: a quote is not closed, or not at the end of the subject'],
    ['"ann', 'line 1: a quote is not closed'],
    ['"\\x"', 'line 1: the subject in quotes is not a JSON string'],
    ['""', 'line 1: the subject is not 1 to 128 printable characters'],
    ['"a\\nb"', 'line 1: the subject is not 1 to 128 printable characters'],
    ['x'.repeat(129), 'line 1: the subject is not 1 to 128 printable characters'],
    ['a\nb\nc\nd', 'line 4: more than the 3 subjects of auth.revocation.max'],
  ])('%j is refused', (text, fault) => {
    expect(() => readRevocations(text, 3)).toThrow(fault);
  });

  it('that has gone wrong is read line by line: eight million empty ones are not held together', () => {
    const text = `${'\n'.repeat(8_000_000)}ann x`;
    const before = process.memoryUsage().heapUsed;
    expect(() => readRevocations(text, 3)).toThrow(/^line 8000001: behind the subject/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
  });
});

test.each([
  ['2024-01-01T12:00:00Z', NOON],
  ['2024-01-01t12:00:00z', NOON],
  ['2024-01-01T12:00:00.123456789Z', NOON + 123],
  ['2024-01-01T14:30:00+02:30', NOON],
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ['2024-02-30T00:00:00Z', undefined],
  ['2023-02-29T00:00:00Z', undefined],
  ['2024-13-01T00:00:00Z', undefined],
  ['2024-01-00T00:00:00Z', undefined],
  ['2024-01-01T25:00:00Z', undefined],
  ['2024-01-01T12:00:00', undefined],
  ['2024-01-01 12:00:00Z', undefined],
  ['2024-01-01', undefined],
  ['1704110400', undefined],
  ['', undefined],
])('the time %s', (text, time) => {
  expect(parseTime(text)).toBe(time);
});
