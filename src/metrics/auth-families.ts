import { ACTIONS } from '../core/identity.js';
import { ATTEMPT_METHODS, ATTEMPT_RESULTS, CALLOUT_RESULTS, type AuthCounts } from './auth-counts.js';
import { counter, gauge, tallied, type MetricFamily } from './metric-family.js';
import type { AuthLevels } from './metrics-sources.js';

/** The bounds of what is held of those who are not known yet, not believed, or not wanted. */
export interface AuthLimits {
  /** `auth.maxUnidentified` */
  readonly unidentified: number;
  /** `auth.failures.maxAddresses` */
  readonly failingAddresses: number;
  /** `auth.revocation.max` */
  readonly revocations: number;
}

/** Who came in, who was refused, and what they may, under Prometheus' naming conventions. No label holds a client or an address. */
export function authFamilies(
  counts: AuthCounts,
  levels: () => AuthLevels | undefined,
  limits: AuthLimits | undefined,
): readonly MetricFamily[] {
  return [
    ...attempts(counts),
    ...keysAndCallout(counts, levels),
    held('sluice_revocations', 'Subjects that are revoked now.', () => levels()?.revocations),
    counter('sluice_revocations_made_total', 'Revocations made.', () => counts.revocationsMade),
    held(
      'sluice_unidentified_streams',
      'Streams that have not said yet who they are.',
      () => levels()?.unidentified,
    ),
    held(
      'sluice_failing_addresses',
      'Addresses that failed attempts are held against.',
      () => levels()?.failingAddresses,
    ),
    ...(limits === undefined ? [] : limitFamilies(limits)),
  ];
}

function attempts(counts: AuthCounts): readonly MetricFamily[] {
  return [
    {
      name: 'sluice_auth_attempts_total',
      type: 'counter',
      help: 'Attempts to say who one is, by method and by what came of them.',
      samples: () =>
        ATTEMPT_METHODS.flatMap((method) =>
          ATTEMPT_RESULTS.map((result) => ({
            labels: { method, result },
            value: counts.attempts[method].get(result) ?? 0,
          })),
        ),
    },
    counter(
      'sluice_auth_attempts_slowed_total',
      'Attempts refused without a look, for too many of their address had failed.',
      () => counts.attemptsSlowed,
    ),
    tallied(
      'sluice_permissions_denied_total',
      'Permissions that were missing, by action.',
      'action',
      ACTIONS,
      () => counts.denied,
    ),
    counter('sluice_tokens_refreshed_total', 'Fresh tokens taken within a stream.', () => {
      return counts.tokensRefreshed;
    }),
    counter(
      'sluice_tokens_expired_total',
      'Connections ended because no fresh token came in time.',
      () => counts.tokensExpired,
    ),
  ];
}

function keysAndCallout(counts: AuthCounts, levels: () => AuthLevels | undefined): readonly MetricFamily[] {
  return [
    tallied(
      'sluice_jwks_fetches_total',
      'Fetches of the key set, by result.',
      'result',
      ['ok', 'failed'],
      () => new Map(Object.entries(levels()?.jwks?.fetches ?? {})),
    ),
    held('sluice_jwks_age_seconds', 'Time since the key set was last fetched.', () => {
      const ageMs = levels()?.jwks?.ageMs;
      return ageMs === undefined ? undefined : ageMs / 1_000;
    }),
    tallied(
      'sluice_authorization_callouts_total',
      'Questions for the authorization service, by result.',
      'result',
      CALLOUT_RESULTS,
      () => counts.callouts,
    ),
    held(
      'sluice_authorization_breaker_open',
      'Whether the authorization service is not asked for now.',
      () => {
        const open = levels()?.calloutBreakerOpen;
        return open === undefined ? undefined : Number(open);
      },
    ),
  ];
}

function limitFamilies(limits: AuthLimits): readonly MetricFamily[] {
  return [
    gauge('sluice_revocations_limit', 'Subjects that may be revoked at once.', () => limits.revocations),
    gauge(
      'sluice_unidentified_streams_limit',
      'Streams that may be without an identity at once.',
      () => limits.unidentified,
    ),
    gauge(
      'sluice_failing_addresses_limit',
      'Addresses that are watched at once.',
      () => limits.failingAddresses,
    ),
  ];
}

/** A gauge of something that this gateway may not have: without a sample then, for 0 would be a lie. */
function held(name: string, help: string, read: () => number | undefined): MetricFamily {
  return {
    name,
    type: 'gauge',
    help,
    samples: () => {
      const value = read();
      return value === undefined ? [] : [{ value }];
    },
  };
}
