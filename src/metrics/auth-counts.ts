import type { ErrorCode } from '../core/errors.js';
import type { Action, AuthMethod } from '../core/identity.js';

/** How somebody tried to come in; `none`: they showed nothing where something has to be shown. */
export type AttemptMethod = AuthMethod | 'none';

/** In the order in which they are tried. Values of the label `method`. */
export const ATTEMPT_METHODS = [
  'static',
  'jwt',
  'certificate',
  'anonymous',
  'none',
] as const satisfies readonly AttemptMethod[];

/** What came of it: `ok`, or why not. Values of the label `result`. */
export const ATTEMPT_RESULTS = [
  'ok',
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'PERMISSION_DENIED',
  'AUTH_UNAVAILABLE',
] as const satisfies readonly ('ok' | ErrorCode)[];
export type AttemptResult = (typeof ATTEMPT_RESULTS)[number];

/** `cached`: answered without asking. `skipped`: not asked, for its breaker is open. `failed_open`: let in unasked, as auth.callout.failOpen says. */
export const CALLOUT_RESULTS = ['allow', 'deny', 'failed', 'cached', 'skipped', 'failed_open'] as const;
export type CalloutResult = (typeof CALLOUT_RESULTS)[number];

/** What is counted of who is calling and what they may do. All of it only rises; what the keys count themselves is in AuthLevels. */
export class AuthCounts {
  readonly attempts: Readonly<Record<AttemptMethod, Map<AttemptResult, number>>> = {
    static: new Map(),
    jwt: new Map(),
    certificate: new Map(),
    anonymous: new Map(),
    none: new Map(),
  };
  /** Refused RATE_LIMITED without a look, for too many of that address had failed. Not among `attempts`. */
  attemptsSlowed = 0;
  /** Permissions that were missing. */
  readonly denied = new Map<Action, number>();
  /** Fresh tokens taken within a stream. */
  tokensRefreshed = 0;
  /** Connections ended TOKEN_EXPIRED. */
  tokensExpired = 0;
  /** By the admin address and by changes of the file. */
  revocationsMade = 0;
  readonly callouts = new Map<CalloutResult, number>();
}
