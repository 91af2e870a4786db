import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CASES } from '../../../bench/harness/cases.js';
import { merge, missingCases, whyNotInto } from '../../../bench/harness/merge.js';
import { sectionsOf } from '../../../bench/harness/page.js';
import { readRecord, writeRecord } from '../../../bench/harness/record-file.js';
import { condense, recordCase, type BenchRecord } from '../../../bench/harness/record.js';
import { madeUpRecord, madeUpRounds } from './made-up-record.js';

const whole: BenchRecord = { ...madeUpRecord(), omissions: [] };
const names = (cases: readonly { readonly name: string }[]): string[] => cases.map(({ name }) => name);
const without = (...gone: readonly string[]): BenchRecord => ({
  ...whole,
  cases: whole.cases.filter(({ name }) => !gone.includes(name)),
});
const of = (name: string) => CASES.find((one) => one.name === name)!;

describe('what is measured into a record', () => {
  it('is what it lacks', () => {
    expect(names(missingCases(without('tls', 'scale'), CASES))).toEqual(['tls', 'scale']);
    expect(missingCases(whole, CASES)).toEqual([]);
  });

  it('is what has not all its rounds, but for what was left out', () => {
    const [first, ...others] = madeUpRounds(of('tls'), 3);
    const { go: _, ...withoutGo } = first!;
    const tls = recordCase(of('tls'), [withoutGo, ...others]);
    const partly = { ...whole, cases: whole.cases.map((one) => (one.name === 'tls' ? tls : one)) };
    expect(names(missingCases(partly, CASES))).toEqual(['tls']);
    const omissions = [{ case: 'tls', run: 'go', message: 'no Go' }];
    expect(missingCases({ ...partly, omissions }, CASES)).toEqual([]);
  });
});

describe('a record takes in', () => {
  it('what was measured on the same machine in the same way', () => {
    expect(whyNotInto(whole, whole)).toBeUndefined();
    expect(whyNotInto(whole, { ...whole, machine: { ...whole.machine, loadBefore: 9 } })).toBeUndefined();
    expect(whyNotInto({ ...whole, command: 'npm run bench -- --cases tls,idle' }, whole)).toBeUndefined();
  });

  it.each([
    ['another machine', whole, { ...whole, machine: { ...whole.machine, cores: 3 } }, 'another machine'],
    ['other versions', whole, { ...whole, runtimes: { sluice: 'another' } }, 'sluice was'],
    ['other rounds', whole, { ...whole, rounds: 5 }, '3 rounds'],
    ['another generator', whole, { ...whole, generator: 'Node' }, 'generator'],
    ['a quick record', { ...whole, quick: true }, whole, 'quick'],
    ['other seconds', { ...whole, command: 'npm run bench -- --seconds 1' }, whole, '--seconds 1'],
    ['what was published', condense(whole), whole, 'published'],
  ])('but not with %s', (_, earlier, later, reason) => {
    expect(whyNotInto(earlier, later)).toContain(reason);
  });
});

describe('merge', () => {
  const tls = recordCase(of('tls'), madeUpRounds(of('tls'), 3).reverse());
  const later: BenchRecord = {
    ...whole,
    stamp: '2026-01-03T00:00:00.000Z',
    minutes: 2,
    source: { commit: 'ba9876543210', changed: false },
    cases: [{ ...tls, rest: { runs: 12, repeated: 1, disturbed: 0 } }],
    failures: [{ case: 'tls', run: 'go', message: 'new' }],
  };
  const failures = [
    { case: 'tls', run: 'go', message: 'old' },
    { case: 'idle', run: 'go', message: 'kept' },
  ];
  const merged = merge({ ...without('scale'), failures }, later, true);

  it('puts a case in its place, and says when it was measured and of what', () => {
    expect(names(merged.cases)).toEqual(names(without('scale').cases));
    const fresh = merged.cases.find(({ name }) => name === 'tls')!;
    expect(fresh).toMatchObject({ rounds: tls.rounds, later: { stamp: later.stamp, source: later.source } });
    expect(merged.cases.filter((one) => one.later !== undefined)).toHaveLength(1);
    expect(fresh.later).not.toHaveProperty('hasOtherServers');
    expect(sectionsOf(merged)['run']).toContain(
      '| measured later | tls: 2026-01-03 00:00 UTC, ba9876543210 |',
    );
  });

  it('puts one that was lacking where it belongs', () => {
    const scale = recordCase(of('scale'), madeUpRounds(of('scale'), 3));
    const complete = merge(without('scale'), { ...later, cases: [scale] }, false);
    expect(names(complete.cases)).toEqual(names(CASES));
    expect(complete.cases.find(({ name }) => name === 'scale')?.later).toMatchObject({
      hasOtherServers: true,
    });
    expect(complete.bars.find(({ name }) => name === 'scale')).toMatchObject({ verdict: 'met' });
    expect(merged.bars.find(({ name }) => name === 'scale')).toMatchObject({ verdict: 'not measured' });
  });

  it('keeps a case that failed altogether when it was measured anew, and tells of the failure', () => {
    const failed = merge(whole, { ...later, cases: [recordCase(of('tls'), [{}, {}, {}])] }, true);
    expect(failed.cases).toEqual(whole.cases);
    expect(failed.failures.map(({ message }) => message)).toContain('new');
  });

  it('keeps what it says of the rest, and forgets how the case failed before', () => {
    expect(merged).toMatchObject({
      stamp: whole.stamp,
      source: whole.source,
      rest: { runs: 12, repeated: 1 },
    });
    expect(merged.minutes).toBeCloseTo(whole.minutes + 2);
    expect(merged.failures.map(({ message }) => message)).toEqual(['kept', 'new']);
  });
});

describe('the file of a record', () => {
  it('is written whole, over what it was, and read again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
    const file = join(folder, 'below', 'record.json');
    await writeRecord(file, without('tls'));
    await writeRecord(file, whole);
    expect(await readRecord(file)).toEqual(whole);
    expect(await readdir(join(folder, 'below'))).toEqual(['record.json']);
    await rm(folder, { recursive: true });
  });
});
