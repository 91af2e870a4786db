import { describe, expect, it } from 'vitest';
import { sectionsOf } from '../../../bench/harness/page.js';
import { trialReasons } from '../../../bench/harness/trial.js';
import { madeUpRecord } from './made-up-record.js';

const result = { ...madeUpRecord(), rounds: 5 };

describe('a record', () => {
  it('is a result where it has the rounds, a commit, and a quiet machine', () => {
    expect(trialReasons(result)).toEqual([]);
    expect(sectionsOf(result)['run']).not.toContain('A trial');
  });

  it.each([
    ['of few rounds', { rounds: 4 }, '4 rounds'],
    ['of changes nobody can look up', { source: { commit: 'abc', changed: true } }, 'not committed'],
    ['of a busy machine', { rest: { runs: 100, repeated: 40, disturbed: 11 } }, '11 of 100 runs'],
    [
      'with a case of other servers',
      {
        cases: result.cases.map((one) =>
          one.name === 'tls'
            ? {
                ...one,
                later: { stamp: '', source: { commit: 'b', changed: false }, hasOtherServers: true as const },
              }
            : one,
        ),
      },
      'tls with other servers than the rest',
    ],
  ])('%s is published as a trial', (_, difference, reason) => {
    const record = { ...result, ...difference };
    expect(trialReasons(record)).toEqual([expect.stringContaining(reason)]);
    expect(sectionsOf(record)['run']).toMatch(/^\*\*A trial, not a result: /);
  });

  it('may have a case measured later, of a commit with the same servers', () => {
    const later = { stamp: '', source: { commit: 'another', changed: false } };
    const cases = result.cases.map((one) => (one.name === 'tls' ? { ...one, later } : one));
    expect(trialReasons({ ...result, cases })).toEqual([]);
  });

  it('may have a tenth of its runs disturbed', () => {
    expect(trialReasons({ ...result, rest: { runs: 100, repeated: 40, disturbed: 10 } })).toEqual([]);
  });
});
