import type { ErrorCode } from '../core/errors.js';
import type { Action, AuthMethod } from '../core/identity.js';

/** How somebody tried to come in; `none`: they showed nothing. */
export type AttemptMethod = AuthMethod | 'none';

/** What came of it. */
export type AttemptResult =
  'ok' | Extract<ErrorCode, 'UNAUTHENTICATED' | 'TOKEN_EXPIRED' | 'PERMISSION_DENIED' | 'AUTH_UNAVAILABLE'>;

/** What is counted here of who is calling; whoever shows it holds the numbers. */
export interface AuthCounters {
  readonly attempts: Readonly<Record<AttemptMethod, Map<AttemptResult, number>>>;
  /** Refused RATE_LIMITED without a look, for too many of that address had failed. Not among `attempts`. */
  attemptsSlowed: number;
  /** Permissions that were missing. */
  readonly denied: Map<Action, number>;
  /** By `revoke` and by changes of the file. */
  revocationsMade: number;
}
