import { ATTEMPT_METHODS, type AttemptMethod, type AuthCounts } from './auth-counts.js';
import type { AuthLevels } from './metrics-sources.js';

/** Who came in, who was refused and what they may, as `/totals` shows it. */
export interface AuthTotals {
  /** By method and by what came of it. */
  readonly attempts: Readonly<Record<AttemptMethod, Readonly<Record<string, number>>>>;
  readonly slowed: number;
  readonly denied: Readonly<Record<string, number>>;
  readonly tokensRefreshed: number;
  readonly tokensExpired: number;
  readonly revocationsMade: number;
  readonly callouts: Readonly<Record<string, number>>;
  /** Null where nobody has to say who they are. */
  readonly now: AuthLevels | null;
}

export function authTotals(counts: AuthCounts, levels: AuthLevels | undefined): AuthTotals {
  const attempts = {} as Record<AttemptMethod, Record<string, number>>;
  for (const method of ATTEMPT_METHODS) attempts[method] = Object.fromEntries(counts.attempts[method]);
  return {
    attempts,
    slowed: counts.attemptsSlowed,
    denied: Object.fromEntries(counts.denied),
    tokensRefreshed: counts.tokensRefreshed,
    tokensExpired: counts.tokensExpired,
    revocationsMade: counts.revocationsMade,
    callouts: Object.fromEntries(counts.callouts),
    now: levels ?? null,
  };
}
