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
  /** The configuration key that moves the limit, where there is one. */
  readonly setting?: string;
  /** What happened, for whoever reads the error page; the error's own message names the values. */
  readonly meaning: string;
}

/** Every error a client can see. `docs/errors.md` is checked against it by a test. */
export const errorCatalogue = {
  CONNECTION_LIMIT: {
    scope: 'connection',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 503,
    retry: 'backoff',
    setting: 'pool.maxConnections',
    meaning: 'The gateway holds as many connections as it may.',
  },
  CLIENT_LIMIT: {
    scope: 'connection',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 429,
    retry: 'backoff',
    setting: 'pool.maxConnectionsPerClient, pool.maxPublishesPerClient',
    meaning:
      'This client ID holds as many connections as one client may, or has as many calls of Publish under way.',
  },
  SESSION_LIMIT: {
    scope: 'session',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 429,
    retry: 'backoff',
    setting: 'session.maxPerConnection, session.maxPerClient, session.max, routes.<name>.maxSessions',
    meaning: 'The connection, the client, the route or the gateway holds as many sessions as it may.',
  },
  CALL_LIMIT: {
    scope: 'connection',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 429,
    retry: 'backoff',
    setting: 'proxies.<name>.maxCalls, proxies.<name>.maxCallsPerClient',
    meaning: 'The proxy has as many calls under way as it may, or this client has with it.',
  },
  TOPIC_LIMIT: {
    scope: 'session',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 429,
    retry: 'backoff',
    setting: 'routes',
    meaning:
      'The route holds as many topics as it may (maxTopics), or the topic as many subscribers (maxSubscribers).',
  },
  MESSAGE_TOO_LARGE: {
    scope: 'connection',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 1009,
    httpStatus: 413,
    retry: 'never',
    setting:
      'server.maxMessageSize, session.maxPayloadSize, routes.<name>.maxMessageSize, proxies.<name>.maxMessageSize',
    meaning:
      'A message, compressed or inflated, is larger than the gateway takes or sends, which ends the connection; or a payload of several messages is, which ends its session; or one is larger than its route takes, which fails that message, or than its proxy passes on, which ends that call.',
  },
  RATE_LIMITED: {
    scope: 'message',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 429,
    retry: 'backoff',
    setting:
      'rateLimits.<name>.messages, rateLimits.<name>.bytes, rateLimits.<name>.opens, rateLimits.<name>.queue, rateLimits.<name>.maxDelay, auth.failures.burst, auth.failures.perSecond',
    meaning:
      'More was sent, or opened, than a rate limit allows: that message, call or session is refused, all else goes on; the message names the limit. Or too many attempts to come in have failed from there, which ends the connection.',
  },
  OVERLOADED: {
    scope: 'connection',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 503,
    retry: 'backoff',
    setting: 'memory.budget, memory.shedAfter, pool.maxPublishes',
    meaning:
      'The gateway holds more than its budget of memory: the costliest connections and sessions are ended to protect the others. Or more sends of a route wait than the queue holds, or more calls of Publish are under way than may.',
  },
  SLOW_CONSUMER: {
    scope: 'connection',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4008,
    httpStatus: 408,
    retry: 'backoff',
    setting:
      'stream.sendTimeout, stream.sendQueueMessages, stream.sendQueueSize, session.resumeWindow, session.waitingMessages, session.waitingSize',
    meaning:
      'The client did not take what was sent to it in time, which ends the connection; or a session waited for its acks to be closed, or its policy is disconnect, which ends the session; or a subscriber held its publishers for too long.',
  },
  RECEIVE_TIMEOUT: {
    scope: 'connection',
    grpcStatus: GrpcStatus.DEADLINE_EXCEEDED,
    webSocketClose: 4008,
    httpStatus: 408,
    retry: 'now',
    setting: 'stream.receiveTimeout, stream.firstMessageTimeout',
    meaning:
      'The client promised to be heard from, by a heartbeat or an open session, and was not; or it never sent a first message.',
  },
  SEND_TIMEOUT: {
    scope: 'connection',
    grpcStatus: GrpcStatus.DEADLINE_EXCEEDED,
    webSocketClose: 4008,
    httpStatus: 408,
    retry: 'backoff',
    setting: 'stream.sendTimeout',
    meaning: 'A message found no place in the send queue in time.',
  },
  CALL_IDLE: {
    scope: 'connection',
    grpcStatus: GrpcStatus.DEADLINE_EXCEEDED,
    webSocketClose: 4008,
    httpStatus: 408,
    retry: 'backoff',
    setting: 'proxies.<name>.idleTimeout',
    meaning: 'No byte of a call that is passed on went either way for so long that it was ended.',
  },
  STALE: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNAVAILABLE,
    webSocketClose: 4008,
    httpStatus: 408,
    retry: 'now',
    setting: 'health.maxInactivity, health.probeAnswerTimeout',
    meaning: 'The connection was silent for long and did not answer a health check.',
  },
  UNAUTHENTICATED: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNAUTHENTICATED,
    webSocketClose: 4001,
    httpStatus: 401,
    retry: 'never',
    setting: 'auth.methods',
    meaning:
      'The gateway does not know who is calling: nothing was shown, or what was shown does not hold, or it was revoked.',
  },
  TOKEN_EXPIRED: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNAUTHENTICATED,
    webSocketClose: 4001,
    httpStatus: 401,
    retry: 'now',
    setting: 'auth.expiryGrace',
    meaning:
      'The token (or the client certificate) has expired, and no fresh one came in time; connect again with one.',
  },
  AUTH_UNAVAILABLE: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNAVAILABLE,
    webSocketClose: 1013,
    httpStatus: 503,
    retry: 'backoff',
    setting: 'auth.jwt.jwksUrl, auth.callout.url',
    meaning:
      'Who is calling, or what they may do, can not be told now: the keys or the authorization service can not be reached.',
  },
  PERMISSION_DENIED: {
    scope: 'session',
    grpcStatus: GrpcStatus.PERMISSION_DENIED,
    webSocketClose: 4003,
    httpStatus: 403,
    retry: 'never',
    setting: 'auth.classes, auth.callout.url',
    meaning: 'The caller may not do this; the message names the permission that is missing.',
  },
  UNKNOWN_ROUTE: {
    scope: 'session',
    grpcStatus: GrpcStatus.NOT_FOUND,
    webSocketClose: 4004,
    httpStatus: 404,
    retry: 'never',
    setting: 'routes',
    meaning: 'No route of this name is configured.',
  },
  UNKNOWN_METHOD: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNIMPLEMENTED,
    webSocketClose: 4004,
    httpStatus: 404,
    retry: 'never',
    setting: 'proxies.<name>.services, proxies.<name>.proto',
    meaning:
      'No service of this name is passed on, or it has no such method; over HTTP, nothing is at this path, or the method is not served there. The message names what there is.',
  },
  INVALID_MESSAGE: {
    scope: 'connection',
    grpcStatus: GrpcStatus.INVALID_ARGUMENT,
    webSocketClose: 4000,
    httpStatus: 400,
    retry: 'never',
    meaning: 'What arrived is not a message of the protocol, or not one that may come now.',
  },
  SEQUENCE_GAP: {
    scope: 'session',
    grpcStatus: GrpcStatus.OUT_OF_RANGE,
    webSocketClose: 4000,
    httpStatus: 400,
    retry: 'now',
    meaning: 'A sequence was left out: each follows the one before it by 1.',
  },
  WINDOW_EXCEEDED: {
    scope: 'session',
    grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
    webSocketClose: 4029,
    httpStatus: 429,
    retry: 'never',
    setting: 'session.windowMessages, session.windowSize',
    meaning: 'More was in flight than the granted window allows.',
  },
  SESSION_IN_USE: {
    scope: 'session',
    grpcStatus: GrpcStatus.ALREADY_EXISTS,
    webSocketClose: 4009,
    httpStatus: 409,
    retry: 'backoff',
    meaning: 'The session is attached to another connection.',
  },
  SESSION_EXPIRED: {
    scope: 'session',
    grpcStatus: GrpcStatus.ABORTED,
    webSocketClose: 4008,
    httpStatus: 408,
    retry: 'now',
    setting: 'session.idleTimeout, session.resumeWindow, session.maxDetached, session.maxDetachedSize',
    meaning:
      'The session was idle for so long that it was ended, or waited for its client longer than it may, or made room for others that wait.',
  },
  RESUME_EXPIRED: {
    scope: 'message',
    grpcStatus: GrpcStatus.OUT_OF_RANGE,
    webSocketClose: 4000,
    httpStatus: 410,
    retry: 'never',
    meaning:
      'The reason of a Gap: what the client says it has not received was acknowledged, and is no longer held.',
  },
  STREAM_LIMIT: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNAVAILABLE,
    webSocketClose: 1001,
    httpStatus: 503,
    retry: 'now',
    setting: 'server.maxStreamAge, server.maxStreamMessages, server.maxStreamBytes, server.maxConnectionAge',
    meaning: 'The connection reached the age, the messages or the bytes that one may have; connect again.',
  },
  DRAINING: {
    scope: 'connection',
    grpcStatus: GrpcStatus.UNAVAILABLE,
    webSocketClose: 1001,
    httpStatus: 503,
    retry: 'now',
    setting: 'server.drainGrace',
    meaning: 'The gateway is leaving; connect again, to another if there is one.',
  },
  TAKEN_OVER: {
    scope: 'session',
    grpcStatus: GrpcStatus.ABORTED,
    webSocketClose: 4009,
    httpStatus: 409,
    retry: 'never',
    meaning: 'A newer connection of the same client has taken the session.',
  },
  ROUTE_FAILED: {
    scope: 'message',
    grpcStatus: GrpcStatus.INTERNAL,
    webSocketClose: 4010,
    httpStatus: 502,
    retry: 'backoff',
    meaning: 'The route failed on this message; the session goes on.',
  },
  ROUTE_TIMEOUT: {
    scope: 'message',
    grpcStatus: GrpcStatus.DEADLINE_EXCEEDED,
    webSocketClose: 4010,
    httpStatus: 504,
    retry: 'backoff',
    setting: 'routes.<name>.timeout',
    meaning:
      'The route has not finished with this message in time; the session goes on. Whether it was handled is not known.',
  },
  UPSTREAM_UNAVAILABLE: {
    scope: 'message',
    grpcStatus: GrpcStatus.UNAVAILABLE,
    webSocketClose: 4010,
    httpStatus: 503,
    retry: 'backoff',
    meaning: 'The service behind the route, or the proxy, can not be reached.',
  },
  INTERNAL: {
    scope: 'connection',
    grpcStatus: GrpcStatus.INTERNAL,
    webSocketClose: 1011,
    httpStatus: 500,
    retry: 'backoff',
    meaning: 'A fault of the gateway itself; its log says more.',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface SluiceErrorOptions {
  /** What the caller's rate limits say, where one of them is the reason. */
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
    this.rates = options.rates ?? [];
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
