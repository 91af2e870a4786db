import { type ErrorCode, errorCatalogue, GrpcStatus, SluiceError } from '../core/errors.js';
import type { CallEnd } from '../transport/client-contract.js';

/** What the end of a backend's stream means for its session, and for the address. */
export type Verdict =
  /** The backend has ended the session. */
  | { readonly kind: 'ended' }
  /** It will not have the session, nor would another. */
  | { readonly kind: 'refused'; readonly error: SluiceError }
  /**
   * The stream is lost: the session goes on elsewhere. `blames` the address, and
   * not what was said on the stream. `reached`: the backend may have had what was sent.
   * `declined`: it says that it can't just now, which is no word about a message.
   */
  | {
      readonly kind: 'lost';
      readonly blames: boolean;
      readonly reached: boolean;
      readonly declined: boolean;
      readonly reason: string;
    };

/** Statuses that say no to this session, wherever it is tried, with the code that its client is told. */
const REFUSALS: Readonly<Record<number, ErrorCode>> = {
  [GrpcStatus.INVALID_ARGUMENT]: 'INVALID_MESSAGE',
  [GrpcStatus.OUT_OF_RANGE]: 'INVALID_MESSAGE',
  [GrpcStatus.NOT_FOUND]: 'INVALID_MESSAGE',
  // Who is calling the gateway knows: what is missing is the leave.
  [GrpcStatus.PERMISSION_DENIED]: 'PERMISSION_DENIED',
  [GrpcStatus.UNAUTHENTICATED]: 'PERMISSION_DENIED',
  [GrpcStatus.FAILED_PRECONDITION]: 'ROUTE_FAILED',
  [GrpcStatus.ALREADY_EXISTS]: 'ROUTE_FAILED',
};

/** Nobody there, or nobody who serves this: the next session would fare no better. */
const BLAMED: ReadonlySet<number> = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.RESOURCE_EXHAUSTED,
]);

export function verdictOf(end: CallEnd): Verdict {
  const { status, code, message, retryAfterMs, unreadable = false, broken = false } = end;
  if (unreadable) {
    if (code !== 'MESSAGE_TOO_LARGE')
      return { kind: 'lost', blames: false, reached: true, declined: false, reason: message };
    // It would come again, from wherever; the text names the address, which is not for the client.
    const text = 'the service behind the route sent a larger message than the gateway takes from it';
    return { kind: 'refused', error: new SluiceError(code, text) };
  }
  if (status === GrpcStatus.OK) return { kind: 'ended' };
  if (code !== undefined && isOurs(code)) {
    const options = retryAfterMs === undefined ? {} : { retryAfterMs };
    return { kind: 'refused', error: new SluiceError(code, message, options) };
  }
  const refusal = end.failure === undefined ? REFUSALS[status] : undefined;
  if (refusal !== undefined) return { kind: 'refused', error: new SluiceError(refusal, message) };
  const reached = end.failure === undefined;
  const blames = BLAMED.has(status) || !reached;
  return { kind: 'lost', blames, reached, declined: BLAMED.has(status) && !broken, reason: message };
}

/** Nobody was there, or the connection broke: it is not this stream alone that ended. */
export function isCutOff({ failure, broken }: CallEnd): boolean {
  return failure === 'unreachable' || broken === true;
}

/** A backend's error, as its client is told: with its code where that is one of ours. */
export function errorOf(code: string, message: string, retryAfterMs: number): SluiceError {
  const text = message === '' ? 'the service behind the route failed' : message;
  return new SluiceError(
    isOurs(code) ? code : 'ROUTE_FAILED',
    text,
    retryAfterMs > 0 ? { retryAfterMs } : {},
  );
}

function isOurs(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}
