import type { Credentials } from '../core/credentials.js';
import type { ErrorCode } from '../core/errors.js';
import type { Action, Identity } from '../core/identity.js';
import type { RateFigures } from '../core/rate-figures.js';

/** An open session of a client, as a push sees it. */
export interface PushTarget {
  readonly sessionId: string;
  readonly route: string;
  readonly subject: string;
}

/** What is pushed. */
export interface PushMessage {
  readonly data: Uint8Array;
  readonly key: string;
  readonly metadata: ReadonlyMap<string, string> | undefined;
  readonly ttlMs: number;
}

export interface PushOutcome {
  /** Sessions that have taken it. */
  readonly sent: number;
  readonly failed: readonly { readonly session: PushTarget; readonly error: unknown }[];
}

/** All sessions of one client that are open on this gateway. */
export interface PushableClient {
  readonly sessions: readonly PushTarget[];
  /** Rejects only for what is no message. Aborted, a session that has not taken it fails with the signal's reason. */
  send(
    message: PushMessage,
    filter: { readonly where: (session: PushTarget) => boolean },
    signal: AbortSignal,
  ): Promise<PushOutcome>;
}

/** Who may come in, and push to what. As the streams are asked. */
export interface PushGatekeeper {
  readonly takesTokens: boolean;
  identify(credentials: Credentials, signal: AbortSignal): Identity | undefined | Promise<Identity>;
  mayOpen(
    question: {
      readonly identity: Identity;
      readonly action: Action;
      readonly sessionId: string;
      readonly route: string;
      readonly subject: string;
      readonly named: boolean;
      readonly peer: string;
    },
    signal: AbortSignal,
  ): undefined | Promise<void>;
  showedNothing(peer: string): void;
}

/** The rate limits that hold for pushes. */
export interface PushRates {
  /**
   * Resolves when a push of so many bytes may go, with how its caller stands then. Rejects with RATE_LIMITED, or with
   * the signal's reason.
   */
  admit(
    caller: { readonly clientId: string; readonly peer: string },
    bytes: number,
    signal: AbortSignal,
  ): Promise<readonly RateFigures[]>;
}

/** What is counted of pushes, by what came of them. */
export interface PushCounters {
  readonly ended: Map<'OK' | 'CANCELLED' | ErrorCode, number>;
  /** Of the sessions that they were for. */
  readonly sessions: Map<'OK' | ErrorCode, number>;
}
