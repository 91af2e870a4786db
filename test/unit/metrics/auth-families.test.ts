import { ACTIONS } from '../../../src/core/identity.js';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { AuthCounters } from '../../../src/auth/auth-counters.js';
import type { CalloutOptions } from '../../../src/auth/authorization-callout.js';
import { tally } from '../../../src/core/counters.js';
import {
  ATTEMPT_METHODS,
  ATTEMPT_RESULTS,
  AuthCounts,
  CALLOUT_RESULTS,
} from '../../../src/metrics/auth-counts.js';
import { authFamilies, type AuthLimits } from '../../../src/metrics/auth-families.js';
import { authTotals } from '../../../src/metrics/auth-totals.js';
import type { AuthLevels } from '../../../src/metrics/metrics-sources.js';
import { AUTH } from './fixtures.js';

const LIMITS: AuthLimits = { unidentified: 1_000, failingAddresses: 10_000, revocations: 100_000 };

/** Every series that is there, as `name{values of the labels}`, and its value. */
async function series(counts: AuthCounts, levels?: AuthLevels): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  for (const { name, samples } of authFamilies(counts, () => levels, LIMITS)) {
    for (const { labels, value } of await samples()) {
      const key = labels === undefined ? name : `${name}{${Object.values(labels).join(',')}}`;
      expect(all.has(key), key).toBe(false);
      all.set(key, value);
    }
  }
  return all;
}

/** Every count there is, as a way to raise it by one and the series that has to show it. */
function countsAndSeries(counts: AuthCounts): readonly (readonly [series: string, raise: () => void])[] {
  return [
    ...ATTEMPT_METHODS.flatMap((method) =>
      ATTEMPT_RESULTS.map(
        (result) =>
          [
            `sluice_auth_attempts_total{${method},${result}}`,
            () => {
              tally(counts.attempts[method], result);
            },
          ] as const,
      ),
    ),
    ...ACTIONS.map(
      (action) =>
        [
          `sluice_permissions_denied_total{${action}}`,
          () => {
            tally(counts.denied, action);
          },
        ] as const,
    ),
    ...CALLOUT_RESULTS.map(
      (result) =>
        [
          `sluice_authorization_callouts_total{${result}}`,
          () => {
            tally(counts.callouts, result);
          },
        ] as const,
    ),
    ['sluice_auth_attempts_slowed_total', () => (counts.attemptsSlowed += 1)],
    ['sluice_tokens_refreshed_total', () => (counts.tokensRefreshed += 1)],
    ['sluice_tokens_expired_total', () => (counts.tokensExpired += 1)],
    ['sluice_revocations_made_total', () => (counts.revocationsMade += 1)],
  ];
}

describe('authFamilies', () => {
  it('has every count from the start, at 0, and shows each in one series of its own', async () => {
    const counts = new AuthCounts();
    const all = countsAndSeries(counts);
    for (const [name, raise] of all) {
      const before = await series(counts);
      expect(before.get(name), name).toBe(0);
      raise();
      const after = await series(counts);
      const rose = [...after].filter(([key, value]) => value !== before.get(key)).map(([key]) => key);
      expect(rose).toEqual([name]);
      for (const field of Object.keys(counts.attempts)) counts.attempts[field as 'jwt'].clear();
      for (const tallies of [counts.denied, counts.callouts]) tallies.clear();
      Object.assign(counts, { attemptsSlowed: 0, tokensRefreshed: 0, tokensExpired: 0, revocationsMade: 0 });
    }
    // A count added later has to be in the list above.
    const fields = Object.values(counts).filter((value) => typeof value === 'number' || value instanceof Map);
    expect(fields).toHaveLength(6);
    const counters = [...(await series(counts)).keys()].filter((name) => name.includes('_total'));
    const counted = all.map(([name]) => name);
    // The keys count theirs themselves.
    const others = ['jwks_fetches_total{ok}', 'jwks_fetches_total{failed}'];
    const names = [...counted, ...others.map((name) => `sluice_${name}`)];
    expect(counters.sort()).toEqual(names.sort());
  });

  it('shows what is held and its limits', async () => {
    const all = await series(new AuthCounts(), AUTH);
    expect(Object.fromEntries([...all].filter(([name]) => !name.includes('_total')))).toEqual({
      sluice_unidentified_streams: 17,
      sluice_unidentified_streams_limit: 1_000,
      sluice_failing_addresses: 18,
      sluice_failing_addresses_limit: 10_000,
      sluice_revocations: 19,
      sluice_revocations_limit: 100_000,
      sluice_jwks_age_seconds: 20.5,
      sluice_authorization_breaker_open: 1,
    });
  });

  it('shows what the keys count themselves, 0 without', async () => {
    const names = ['sluice_jwks_fetches_total{ok}', 'sluice_jwks_fetches_total{failed}'];
    const some = await series(new AuthCounts(), AUTH);
    expect(names.map((name) => some.get(name))).toEqual([22, 23]);
    const none = await series(new AuthCounts());
    expect(names.map((name) => none.get(name))).toEqual([0, 0]);
  });

  it('leaves out what this gateway does not have rather than to say 0', async () => {
    const without = { ...AUTH, jwks: undefined, calloutBreakerOpen: undefined };
    const some = await series(new AuthCounts(), without);
    expect([...some.keys()].filter((name) => /jwks_age|breaker/.test(name))).toEqual([]);
    expect(some.get('sluice_revocations')).toBe(19);
    const closed = await series(new AuthCounts(), {
      ...AUTH,
      calloutBreakerOpen: false,
      jwks: { fetches: { ok: 1, failed: 0 }, ageMs: 0 },
    });
    expect(closed.get('sluice_authorization_breaker_open')).toBe(0);
    expect(closed.get('sluice_jwks_age_seconds')).toBe(0);
    expect((await series(new AuthCounts())).has('sluice_revocations')).toBe(false);
  });
});

describe('authTotals', () => {
  it('shows every count as plain JSON, and null for what there is not', () => {
    const counts = new AuthCounts();
    for (const [, raise] of countsAndSeries(counts)) raise();
    const shown = JSON.parse(JSON.stringify(authTotals(counts, AUTH))) as Record<string, unknown>;
    const everyResult = Object.fromEntries(ATTEMPT_RESULTS.map((result) => [result, 1]));
    expect(shown).toEqual({
      attempts: Object.fromEntries(ATTEMPT_METHODS.map((method) => [method, everyResult])),
      slowed: 1,
      denied: { open: 1, publish: 1, subscribe: 1, ingest: 1, call: 1, push: 1 },
      tokensRefreshed: 1,
      tokensExpired: 1,
      revocationsMade: 1,
      callouts: { allow: 1, deny: 1, failed: 1, cached: 1, skipped: 1, failed_open: 1 },
      now: AUTH,
    });
    expect(authTotals(counts, undefined).now).toBeNull();
  });
});

describe('AuthCounts', () => {
  it('is what those who count expect', () => {
    const counts = new AuthCounts();
    expectTypeOf(counts).toExtend<AuthCounters>();
    expectTypeOf(counts.callouts).toExtend<CalloutOptions['counts']>();
  });
});
