import { errorAdvice, type ErrorCode, type ErrorScope, type RetryAdvice } from './error-advice.js';
import { GrpcStatus } from './grpc-status.js';
import type { RateFigures } from './rate-figures.js';

export { GrpcStatus };
export type { ErrorCode, ErrorScope, RetryAdvice };

export interface CatalogueEntry {
  readonly scope: ErrorScope;
  readonly grpcStatus: GrpcStatus;
  /** RFC 6455 section 7.4: 4000 to 4999 are for private use. */
  readonly webSocketClose: number;
  readonly httpStatus: number;
  readonly retry: RetryAdvice;
}

/** How each error ends a call of gRPC, a WebSocket and a request of HTTP, in this order. */
const ANSWERS: Readonly<
  Record<ErrorCode, readonly [GrpcStatus, webSocketClose: number, httpStatus: number]>
> = {
  CONNECTION_LIMIT: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 503],
  CLIENT_LIMIT: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429],
  SESSION_LIMIT: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429],
  CALL_LIMIT: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429],
  TOPIC_LIMIT: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429],
  MESSAGE_TOO_LARGE: [GrpcStatus.RESOURCE_EXHAUSTED, 1009, 413],
  RATE_LIMITED: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429],
  OVERLOADED: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 503],
  SLOW_CONSUMER: [GrpcStatus.RESOURCE_EXHAUSTED, 4008, 408],
  RECEIVE_TIMEOUT: [GrpcStatus.DEADLINE_EXCEEDED, 4008, 408],
  SEND_TIMEOUT: [GrpcStatus.DEADLINE_EXCEEDED, 4008, 408],
  CALL_IDLE: [GrpcStatus.DEADLINE_EXCEEDED, 4008, 408],
  STALE: [GrpcStatus.UNAVAILABLE, 4008, 408],
  UNAUTHENTICATED: [GrpcStatus.UNAUTHENTICATED, 4001, 401],
  TOKEN_EXPIRED: [GrpcStatus.UNAUTHENTICATED, 4001, 401],
  AUTH_UNAVAILABLE: [GrpcStatus.UNAVAILABLE, 1013, 503],
  PERMISSION_DENIED: [GrpcStatus.PERMISSION_DENIED, 4003, 403],
  UNKNOWN_ROUTE: [GrpcStatus.NOT_FOUND, 4004, 404],
  UNKNOWN_SESSION: [GrpcStatus.NOT_FOUND, 4004, 404],
  UNKNOWN_METHOD: [GrpcStatus.UNIMPLEMENTED, 4004, 404],
  INVALID_MESSAGE: [GrpcStatus.INVALID_ARGUMENT, 4000, 400],
  SEQUENCE_GAP: [GrpcStatus.OUT_OF_RANGE, 4000, 400],
  WINDOW_EXCEEDED: [GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429],
  SESSION_IN_USE: [GrpcStatus.ALREADY_EXISTS, 4009, 409],
  SESSION_EXPIRED: [GrpcStatus.ABORTED, 4008, 408],
  RESUME_EXPIRED: [GrpcStatus.OUT_OF_RANGE, 4000, 410],
  STREAM_LIMIT: [GrpcStatus.UNAVAILABLE, 1001, 503],
  DRAINING: [GrpcStatus.UNAVAILABLE, 1001, 503],
  TAKEN_OVER: [GrpcStatus.ABORTED, 4009, 409],
  ROUTE_FAILED: [GrpcStatus.INTERNAL, 4010, 502],
  ROUTE_TIMEOUT: [GrpcStatus.DEADLINE_EXCEEDED, 4010, 504],
  UPSTREAM_UNAVAILABLE: [GrpcStatus.UNAVAILABLE, 4010, 503],
  INTERNAL: [GrpcStatus.INTERNAL, 1011, 500],
};

function entry(code: ErrorCode): CatalogueEntry {
  const [grpcStatus, webSocketClose, httpStatus] = ANSWERS[code];
  const { scope, retry } = errorAdvice[code];
  return { scope, grpcStatus, webSocketClose, httpStatus, retry };
}

/** Every error a client can see; what each means, and which setting moves its limit, is in error-notes.ts. `docs/errors.md` is checked against both by a test. */
export const errorCatalogue = /* @__PURE__ */ Object.fromEntries(
  Object.keys(errorAdvice).map((code) => [code, entry(code as ErrorCode)]),
) as Readonly<Record<ErrorCode, CatalogueEntry>>;

const NO_RATES: readonly RateFigures[] = [];

export interface SluiceErrorOptions {
  /** How who is refused stands with the rate limits, where one of them is the reason. */
  readonly rates?: readonly RateFigures[];
  /** How long to wait before trying again; goes out as RetryInfo or `retry_after_ms`. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
  /** The gRPC status it ends a call with, where gRPC itself fixes one. Default: the catalogue's. */
  readonly grpcStatus?: GrpcStatus;
  /** The client ID of whom it refuses, where whoever is told the error does not know it: for the log. */
  readonly clientId?: string;
}

/**
 * An error of the catalogue. The message is one sentence for a person: it
 * names the value, the limit and the setting, and never a secret.
 */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly rates: readonly RateFigures[];
  /** Whom it refuses, for the log; undefined where that is known elsewhere, or not at all. */
  readonly clientId: string | undefined;
  readonly #grpcStatus: GrpcStatus | undefined;

  constructor(code: ErrorCode, message: string, options: SluiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.rates = options.rates ?? NO_RATES;
    this.clientId = options.clientId;
    this.#grpcStatus = options.grpcStatus;
  }

  get entry(): CatalogueEntry {
    return errorCatalogue[this.code];
  }

  get grpcStatus(): GrpcStatus {
    return this.#grpcStatus ?? this.entry.grpcStatus;
  }
}
