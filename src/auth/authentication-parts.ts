import type { Clock } from '../core/clock.js';
import type { Action, Identity } from '../core/identity.js';
import type { AuthCounters } from './auth-counters.js';
import type { CalloutAnswer } from './callout-answer.js';
import type { CertificateIdentityOptions } from './certificate-identity.js';
import type { Caller, ClientClasses } from './client-classes.js';
import type { FailedAttempts } from './failed-attempts.js';
import type { VerifiedToken } from './verified-token.js';

/** Signed tokens. */
export interface TokenVerifier {
  /** Whether it has the form of one; says nothing of whether it holds. */
  looksLike(token: string): boolean;
  /** Rejects with UNAUTHENTICATED, TOKEN_EXPIRED or AUTH_UNAVAILABLE. */
  verify(token: string): Promise<VerifiedToken>;
}

/** Tokens that are known beforehand. */
export interface KnownTokens {
  /** Undefined where it is none of them. Throws TOKEN_EXPIRED. */
  callerOf(token: string): Caller | undefined;
  /** Whether the token of this hash is still one of them. */
  holds(tokenHash: string): boolean;
}

/** What is to be opened, or called. */
export interface OpenRequest {
  /** Default: to open a session. */
  readonly action?: Action;
  readonly sessionId: string;
  readonly route: string;
  readonly subject: string;
}

/** Somebody else who has a say. Both fail with AUTH_UNAVAILABLE, or with the signal's reason. */
export interface Callout {
  connect(identity: Identity, peer: string, signal: AbortSignal): CalloutAnswer | Promise<CalloutAnswer>;
  /** Fails with PERMISSION_DENIED too. */
  open(
    identity: Identity,
    request: OpenRequest,
    peer: string,
    signal: AbortSignal,
  ): undefined | Promise<void>;
}

/** Each method is there where `auth.methods` has it. */
export interface AuthenticationOptions {
  readonly staticTokens?: KnownTokens;
  readonly jwt?: TokenVerifier;
  readonly certificate?: CertificateIdentityOptions;
  readonly anonymous: boolean;
  readonly classes: ClientClasses;
  readonly callout?: Callout;
  /** Left out: failed attempts are counted and never slowed. */
  readonly failedAttempts?: FailedAttempts | undefined;
  readonly revocations: { refuses(subject: string, issuedAtMs: number | undefined): boolean };
  readonly maxTokenBytes: number;
  readonly counters: AuthCounters;
  readonly clock: Clock;
}
