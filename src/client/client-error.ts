import {
  CONNECTION_BACKOFF,
  CONNECTION_NEVER,
  CONNECTION_NOW,
  MESSAGE_BACKOFF,
  MESSAGE_NEVER,
  SESSION_NEVER,
  SESSION_NOW,
  errorAdvice,
  type ErrorCode,
  type ErrorScope,
  type RetryAdvice,
} from '../core/error-advice.js';
import type { GapNotice } from './gap-notice.js';

interface OwnEntry {
  readonly scope: ErrorScope;
  readonly retry: RetryAdvice;
}

/** What only a client can find out; all else has the code of the gateway's catalogue. */
export const clientErrors = {
  UNREACHABLE: CONNECTION_BACKOFF,
  CONNECTION_LOST: CONNECTION_NOW,
  TLS_MISMATCH: CONNECTION_NEVER,
  BAD_CERTIFICATE: CONNECTION_NEVER,
  NOT_SLUICE: CONNECTION_NEVER,
  NEWER_PROTOCOL: CONNECTION_NEVER,
  NOT_SUPPORTED: MESSAGE_NEVER,
  TOKEN_SOURCE: CONNECTION_BACKOFF,
  PROTOCOL_VIOLATION: SESSION_NEVER,
  RESET: SESSION_NOW,
  CLOSED: SESSION_NEVER,
  GAP: MESSAGE_NEVER,
  DROPPED: MESSAGE_NEVER,
  BUFFER_FULL: MESSAGE_BACKOFF,
} as const satisfies Record<string, OwnEntry>;

export type ClientErrorCode = keyof typeof clientErrors;

export interface ClientErrorOptions {
  /** As the gateway said; default what the catalogue says of the code. */
  readonly retry?: RetryAdvice;
  readonly retryAfterMs?: number;
  /** Default what the catalogue says of the code. */
  readonly scope?: ErrorScope;
  readonly gap?: GapNotice;
  readonly cause?: unknown;
}

/**
 * Everything that goes wrong between this client and its gateway. Only a
 * mistake in the arguments of a call is another error, TypeError or RangeError,
 * and an aborted wait rejects with the reason of its signal.
 */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  /**
   * Of the gateway's catalogue (docs/errors.md), of `clientErrors`, or one that
   * only a later gateway knows.
   */
  readonly code: ErrorCode | ClientErrorCode | (string & {});
  /** What it ends: the connection, one session, or nothing but one message. */
  readonly scope: ErrorScope;
  /** What to do next; the client has followed it where it could. */
  readonly retry: RetryAdvice;
  /** How long to wait before that, in milliseconds; undefined where nothing was said. */
  readonly retryAfterMs: number | undefined;
  /** Of a GAP: which messages will not come, and why. */
  readonly gap: GapNotice | undefined;

  constructor(code: string, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const known = entryOf(code);
    this.code = code;
    // Of a code from the future: what the gateway said, else the careful guess.
    this.scope = options.scope ?? known?.scope ?? 'session';
    this.retry = options.retry ?? known?.retry ?? 'backoff';
    this.retryAfterMs = options.retryAfterMs;
    this.gap = options.gap;
  }

  /** What a log has of it where it is written as JSON; of a plain Error that would be nothing it says. */
  toJSON(): Pick<ClientError, 'name' | 'code' | 'message' | 'scope' | 'retry' | 'retryAfterMs' | 'gap'> {
    const { name, code, message, scope, retry, retryAfterMs, gap } = this;
    return { name, code, message, scope, retry, retryAfterMs, gap };
  }
}

function entryOf(code: string): { readonly scope: ErrorScope; readonly retry: RetryAdvice } | undefined {
  if (Object.hasOwn(clientErrors, code)) return clientErrors[code as ClientErrorCode];
  return Object.hasOwn(errorAdvice, code) ? errorAdvice[code as ErrorCode] : undefined;
}
