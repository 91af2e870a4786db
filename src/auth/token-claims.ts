import type { JWTPayload } from 'jose';

import { SluiceError } from '../core/errors.js';
import { MAX_PERMISSIONS, parsePermission } from '../core/permission.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { isJsonObject } from './json-text.js';
import type { VerifiedToken } from './verified-token.js';

/**
 * Which claims say what. A name with dots (`realm_access.role`) is of a claim
 * within a claim, unless there is one of just that name.
 */
export interface ClaimNames {
  readonly subjectClaim: string;
  /** "" = tokens do not say their class. */
  readonly classClaim: string;
  /** "" = tokens do not list permissions. */
  readonly permissionsClaim: string;
}

/** The time as it is now, and how much of it a token may take. */
export interface TokenTimes {
  /** Unix milliseconds. */
  readonly nowMs: number;
  readonly clockToleranceMs: number;
  readonly maxTokenLifetimeMs: number;
}

/** What a token whose signature, issuer, audience and times hold says. Throws UNAUTHENTICATED. */
export function tokenSays(payload: JWTPayload, names: ClaimNames, times: TokenTimes): VerifiedToken {
  const { issuedAtMs, expiresAtMs } = lifetimeOf(payload, times);
  return {
    subject: subjectOf(payload, names.subjectClaim),
    clientClass: classOf(payload, names.classClaim),
    permissions: permissionsOf(payload, names.permissionsClaim),
    issuedAtMs,
    expiresAtMs,
    thumbprint: thumbprintOf(payload),
  };
}

/** A token that does not hold. The sentence holds nothing of it but times and sizes. */
export function refused(sentence: string): SluiceError {
  return new SluiceError('UNAUTHENTICATED', sentence);
}

/** `retryAfterMs`: when newer keys are looked for; left out where that has just been done. */
export function keyUnknown(retryAfterMs?: number): SluiceError {
  const sentence = 'The token is signed with a key that is not known here.';
  return retryAfterMs === undefined
    ? refused(sentence)
    : new SluiceError('UNAUTHENTICATED', sentence, { retryAfterMs });
}

/** Of seconds since the epoch, for a sentence; a time no calendar has is said as it is. */
export function timeText(seconds: unknown): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? 'a time out of range' : date.toISOString();
}

/**
 * A revocation is remembered for no longer than a token may live, so the whole
 * of a token's life counts, not what is left of it.
 */
function lifetimeOf(
  { iat, exp = NaN }: JWTPayload,
  { nowMs, clockToleranceMs, maxTokenLifetimeMs }: TokenTimes,
): { readonly issuedAtMs: number | undefined; readonly expiresAtMs: number } {
  const issuedAtMs = iat === undefined ? undefined : Math.floor(iat * 1000);
  const expiresAtMs = Math.floor(exp * 1000);
  if (issuedAtMs !== undefined && issuedAtMs > nowMs + clockToleranceMs) {
    throw refused(`The token was issued in the future, at ${timeText(iat)} ("iat").`);
  }
  const beganMs = issuedAtMs ?? nowMs + clockToleranceMs;
  if (!(expiresAtMs - beganMs <= maxTokenLifetimeMs)) {
    throw refused(`The token lives until ${timeText(exp)}, longer than auth.maxTokenLifetime allows.`);
  }
  return { issuedAtMs, expiresAtMs };
}

function subjectOf(payload: JWTPayload, name: string): string {
  const subject = claimOf(payload, name);
  if (subject === undefined) throw missing(name);
  if (typeof subject !== 'string' || !isPrintableId(subject)) {
    throw refused(`The token's claim ${quoted(name)} is not 1 to 128 printable characters.`);
  }
  return subject;
}

function classOf(payload: JWTPayload, name: string): string | undefined {
  const value = name === '' ? undefined : claimOf(payload, name);
  if (value === undefined || typeof value === 'string') return value;
  throw refused(`The token's claim ${quoted(name)} is not a string.`);
}

/** A list, or words of one text as OAuth has them (RFC 8693 section 4.2). What others mean by theirs is not for here. */
function permissionsOf(payload: JWTPayload, name: string): readonly string[] | undefined {
  const value = name === '' ? undefined : claimOf(payload, name);
  if (value === undefined) return undefined;
  const words: unknown = typeof value === 'string' ? value.split(/\s+/) : value;
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw refused(`The token's claim ${quoted(name)} is neither text nor a list of texts.`);
  }
  const permissions = words.filter((word) => 'permission' in parsePermission(word));
  if (permissions.length > MAX_PERMISSIONS) {
    throw refused(`The token has ${permissions.length} permissions, and ${MAX_PERMISSIONS} are the most.`);
  }
  return permissions;
}

/** SHA-256 in base64url. */
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/** RFC 8705 section 3.1. A token bound to something else (RFC 9449, say) would be taken here from anybody: it is not. */
function thumbprintOf({ cnf }: JWTPayload): string | undefined {
  if (cnf === undefined) return undefined;
  const thumbprint = isJsonObject(cnf) ? cnf['x5t#S256'] : undefined;
  if (
    typeof thumbprint === 'string' &&
    THUMBPRINT.test(thumbprint) &&
    Object.keys(cnf as object).length === 1
  ) {
    return thumbprint;
  }
  throw refused('The token is bound ("cnf") to something else than a client certificate (x5t#S256).');
}

function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const part of name.split('.')) {
    if (!isJsonObject(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

export function missing(claim: string): SluiceError {
  return refused(`The token has no claim ${quoted(claim)}.`);
}
