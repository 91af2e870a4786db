import type { RateFigures } from './rate-figures.js';

/** What an error ends: the whole connection, one session, or nothing but one message. */
export type ErrorScope = 'connection' | 'session' | 'message';

/** What a client should do next, as `Closed.retry` and RetryInfo say it. */
export type RetryAdvice = 'now' | 'backoff' | 'never';

/** The status codes of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html) that Sluice uses. */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

export interface CatalogueEntry {
  readonly scope: ErrorScope;
  readonly grpcStatus: GrpcStatus;
  /** RFC 6455 section 7.4: 4000 to 4999 are for private use. */
  readonly webSocketClose: number;
  readonly httpStatus: number;
  readonly retry: RetryAdvice;
}

function entry(
  scope: ErrorScope,
  grpcStatus: GrpcStatus,
  webSocketClose: number,
  httpStatus: number,
  retry: RetryAdvice,
): CatalogueEntry {
  return { scope, grpcStatus, webSocketClose, httpStatus, retry };
}

/** Every error a client can see; what each means, and which setting moves its limit, is in error-notes.ts. `docs/errors.md` is checked against both by a test. */
export const errorCatalogue = {
  CONNECTION_LIMIT: entry('connection', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 503, 'backoff'),
  CLIENT_LIMIT: entry('connection', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429, 'backoff'),
  SESSION_LIMIT: entry('session', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429, 'backoff'),
  CALL_LIMIT: entry('connection', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429, 'backoff'),
  TOPIC_LIMIT: entry('session', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429, 'backoff'),
  MESSAGE_TOO_LARGE: entry('connection', GrpcStatus.RESOURCE_EXHAUSTED, 1009, 413, 'never'),
  RATE_LIMITED: entry('message', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429, 'backoff'),
  OVERLOADED: entry('connection', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 503, 'backoff'),
  SLOW_CONSUMER: entry('connection', GrpcStatus.RESOURCE_EXHAUSTED, 4008, 408, 'backoff'),
  RECEIVE_TIMEOUT: entry('connection', GrpcStatus.DEADLINE_EXCEEDED, 4008, 408, 'now'),
  SEND_TIMEOUT: entry('connection', GrpcStatus.DEADLINE_EXCEEDED, 4008, 408, 'backoff'),
  CALL_IDLE: entry('connection', GrpcStatus.DEADLINE_EXCEEDED, 4008, 408, 'backoff'),
  STALE: entry('connection', GrpcStatus.UNAVAILABLE, 4008, 408, 'now'),
  UNAUTHENTICATED: entry('connection', GrpcStatus.UNAUTHENTICATED, 4001, 401, 'never'),
  TOKEN_EXPIRED: entry('connection', GrpcStatus.UNAUTHENTICATED, 4001, 401, 'now'),
  AUTH_UNAVAILABLE: entry('connection', GrpcStatus.UNAVAILABLE, 1013, 503, 'backoff'),
  PERMISSION_DENIED: entry('session', GrpcStatus.PERMISSION_DENIED, 4003, 403, 'never'),
  UNKNOWN_ROUTE: entry('session', GrpcStatus.NOT_FOUND, 4004, 404, 'never'),
  UNKNOWN_SESSION: entry('message', GrpcStatus.NOT_FOUND, 4004, 404, 'backoff'),
  UNKNOWN_METHOD: entry('connection', GrpcStatus.UNIMPLEMENTED, 4004, 404, 'never'),
  INVALID_MESSAGE: entry('connection', GrpcStatus.INVALID_ARGUMENT, 4000, 400, 'never'),
  SEQUENCE_GAP: entry('session', GrpcStatus.OUT_OF_RANGE, 4000, 400, 'now'),
  WINDOW_EXCEEDED: entry('session', GrpcStatus.RESOURCE_EXHAUSTED, 4029, 429, 'never'),
  SESSION_IN_USE: entry('session', GrpcStatus.ALREADY_EXISTS, 4009, 409, 'backoff'),
  SESSION_EXPIRED: entry('session', GrpcStatus.ABORTED, 4008, 408, 'now'),
  RESUME_EXPIRED: entry('message', GrpcStatus.OUT_OF_RANGE, 4000, 410, 'never'),
  STREAM_LIMIT: entry('connection', GrpcStatus.UNAVAILABLE, 1001, 503, 'now'),
  DRAINING: entry('connection', GrpcStatus.UNAVAILABLE, 1001, 503, 'now'),
  TAKEN_OVER: entry('session', GrpcStatus.ABORTED, 4009, 409, 'never'),
  ROUTE_FAILED: entry('message', GrpcStatus.INTERNAL, 4010, 502, 'backoff'),
  ROUTE_TIMEOUT: entry('message', GrpcStatus.DEADLINE_EXCEEDED, 4010, 504, 'backoff'),
  UPSTREAM_UNAVAILABLE: entry('message', GrpcStatus.UNAVAILABLE, 4010, 503, 'backoff'),
  INTERNAL: entry('connection', GrpcStatus.INTERNAL, 1011, 500, 'backoff'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

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
