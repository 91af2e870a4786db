import { SluiceError, type ErrorCode, type RetryAdvice } from '../core/errors.js';
import { WireRetryAdvice, type Closed, type WireError } from '../wire/messages.js';

const RETRY: Readonly<Record<RetryAdvice, number>> = {
  now: WireRetryAdvice.NOW,
  backoff: WireRetryAdvice.BACKOFF,
  never: WireRetryAdvice.NEVER,
};

/** The longest text in an answer, in UTF-16 units: what routes say is theirs, how much of it waits unwritten is ours. */
const MAX_TEXT_LENGTH = 500;

function shortened(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

/** What the client is told of a failure; the text of an unknown error stays in the log: it may hold secrets. */
function toSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  return new SluiceError('ROUTE_FAILED', 'the route failed on this message', { cause: error });
}

/** `Error` for one message; sequence 0 where messages have none. */
export function errorControl(error: unknown, sequence = 0): WireError & { readonly code: ErrorCode } {
  const known = toSluiceError(error);
  return {
    action: 'error',
    code: known.code,
    message: shortened(known.message),
    sequence,
    retryAfterMs: known.retryAfterMs ?? 0,
  };
}

/** `Closed` with the error that ended the session, or with none for a regular end. */
export function closedControl(error: SluiceError | undefined, reason = error?.message ?? ''): Closed {
  return {
    action: 'closed',
    code: error?.code ?? '',
    reason: shortened(reason),
    retry: error === undefined ? WireRetryAdvice.UNSPECIFIED : RETRY[error.entry.retry],
    retryAfterMs: error?.retryAfterMs ?? 0,
  };
}
