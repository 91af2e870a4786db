import type { BackoffLimits } from '../flow/backoff.js';
import { fullJitterMs } from '../flow/backoff.js';
import type { RelayEnd } from '../transport/client-contract.js';
import type { RelayedHeaders } from '../transport/proxy-contract.js';
import type { CallTerms } from './call-terms.js';

/** The most attempts that gRPC allows (gRFC A6, "Retry Policy Capabilities"). */
const MAX_ATTEMPTS = 5;

/** How often a call has been tried. */
export interface Tries {
  /** Attempts that a backend has had, the last one among them. */
  readonly attempts: number;
  /** How often a backend's refusal to look at the call was followed by another attempt. */
  readonly refusals: number;
  /** Waits of our own choice since the backend last said how long to wait. */
  readonly waits: number;
}

export type NextTry =
  /** Nobody has seen the call: at once, and uncounted. `unreachable`: not there again. */
  | { readonly kind: 'transparent'; readonly unreachable: boolean }
  /** `told`: the backend has said when; the waits after it grow from the first on (gRFC A6, "Pushback"). */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly told: boolean };

/** What follows on an end that came before the answer had begun; undefined: the client is told of it. */
export function nextTry(
  end: RelayEnd,
  tries: Tries,
  terms: Pick<CallTerms, 'maxAttempts' | 'retryOn'>,
  backoff: BackoffLimits,
  random: () => number,
): NextTry | undefined {
  if (end.unprocessed) {
    const unreachable = end.failure?.failure !== undefined;
    // A backend that has refused once may be refusing everybody: gRPC allows one more, and the policy decides about others.
    if (unreachable || tries.refusals === 0) return { kind: 'transparent', unreachable };
  }
  if (tries.attempts >= Math.min(MAX_ATTEMPTS, terms.maxAttempts) || !terms.retryOn.has(end.status))
    return undefined;
  const told = pushbackMs(end.trailers);
  if (told === 'never') return undefined;
  if (told !== undefined) return { kind: 'retry', delayMs: told, told: true };
  return { kind: 'retry', delayMs: fullJitterMs(tries.waits, backoff, random), told: false };
}

/** What a backend says of when to come again; undefined where it says nothing (gRFC A6, "Pushback"). */
function pushbackMs(trailers: RelayedHeaders): number | 'never' | undefined {
  const text = trailers.find(([name]) => name === 'grpc-retry-pushback-ms')?.[1];
  if (text === undefined) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : 'never';
}
