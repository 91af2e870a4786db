import type { Credentials } from '../core/credentials.js';
import { SluiceError } from '../core/errors.js';
import type { Action, Identity } from '../core/identity.js';

/** What somebody wants to open, or to call. */
export interface OpenQuestion {
  readonly identity: Identity;
  /** Default: to open a session. */
  readonly action?: Action;
  /** "" for all sessions of a simple connection, and for a call. */
  readonly sessionId: string;
  /** By its own name, where the client named the default by saying nothing. */
  readonly route: string;
  readonly subject: string;
  /** Whether the client named the route. An answer must not tell the name to one who did not know it. */
  readonly named: boolean;
  readonly peer: string;
}

/** Decides who may come in and what they may open. Answers at once wherever it can. */
export interface Gatekeeper {
  /** Whether `Authenticate` is served. */
  readonly takesTokens: boolean;
  /**
   * Who is calling; undefined when they showed nothing, and have to, by an
   * Authenticate. Throws or rejects with UNAUTHENTICATED, TOKEN_EXPIRED,
   * PERMISSION_DENIED, RATE_LIMITED (too many failed attempts of that address)
   * or AUTH_UNAVAILABLE (nobody can tell now). Aborted, its answer is not
   * waited for any more.
   */
  identify(credentials: Credentials, signal: AbortSignal): Identity | undefined | Promise<Identity>;
  /** Undefined when they may; a promise where somebody else has to be asked. Throws or rejects with PERMISSION_DENIED or AUTH_UNAVAILABLE. */
  mayOpen(question: OpenQuestion, signal: AbortSignal): undefined | Promise<void>;
  /** Somebody came, showed nothing, and was sent away: it counts as a failed attempt. */
  showedNothing(peer: string): void;
}

/** What a client is told of whatever a gatekeeper failed with. */
export function asRefusal(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  return new SluiceError('AUTH_UNAVAILABLE', 'a fault of the gateway; its log says more', { cause: error });
}

/** Why a session is closed, or not opened, over a fresh token that allows less than the one before. */
export function notCovered(sessionId: string): SluiceError {
  const what = sessionId === '' ? 'the sessions of this connection' : `session "${sessionId}"`;
  return new SluiceError('PERMISSION_DENIED', `the fresh token does not cover ${what}`);
}
