/** What an error ends: the whole connection, one session, or nothing but one message. */
export type ErrorScope = 'connection' | 'session' | 'message';

/** What a client should do next, as `Closed.retry` and RetryInfo say it. */
export type RetryAdvice = 'now' | 'backoff' | 'never';

/** Each is there once: in a bundle for browsers every byte counts. */
export const CONNECTION_BACKOFF = { scope: 'connection', retry: 'backoff' } as const;
export const CONNECTION_NEVER = { scope: 'connection', retry: 'never' } as const;
export const CONNECTION_NOW = { scope: 'connection', retry: 'now' } as const;
export const MESSAGE_BACKOFF = { scope: 'message', retry: 'backoff' } as const;
export const MESSAGE_NEVER = { scope: 'message', retry: 'never' } as const;
const SESSION_BACKOFF = { scope: 'session', retry: 'backoff' } as const;
export const SESSION_NEVER = { scope: 'session', retry: 'never' } as const;
export const SESSION_NOW = { scope: 'session', retry: 'now' } as const;

/**
 * What of the catalogue (errors.ts) a client has to know of each code. By itself: a browser loads this,
 * and not how a gateway puts an error into gRPC, WebSockets and HTTP.
 */
export const errorAdvice = {
  CONNECTION_LIMIT: CONNECTION_BACKOFF,
  CLIENT_LIMIT: CONNECTION_BACKOFF,
  SESSION_LIMIT: SESSION_BACKOFF,
  CALL_LIMIT: CONNECTION_BACKOFF,
  TOPIC_LIMIT: SESSION_BACKOFF,
  MESSAGE_TOO_LARGE: CONNECTION_NEVER,
  RATE_LIMITED: MESSAGE_BACKOFF,
  OVERLOADED: CONNECTION_BACKOFF,
  SLOW_CONSUMER: CONNECTION_BACKOFF,
  RECEIVE_TIMEOUT: CONNECTION_NOW,
  SEND_TIMEOUT: CONNECTION_BACKOFF,
  CALL_IDLE: CONNECTION_BACKOFF,
  STALE: CONNECTION_NOW,
  UNAUTHENTICATED: CONNECTION_NEVER,
  TOKEN_EXPIRED: CONNECTION_NOW,
  AUTH_UNAVAILABLE: CONNECTION_BACKOFF,
  PERMISSION_DENIED: SESSION_NEVER,
  UNKNOWN_ROUTE: SESSION_NEVER,
  UNKNOWN_SESSION: MESSAGE_BACKOFF,
  UNKNOWN_METHOD: CONNECTION_NEVER,
  INVALID_MESSAGE: CONNECTION_NEVER,
  SEQUENCE_GAP: SESSION_NOW,
  WINDOW_EXCEEDED: SESSION_NEVER,
  SESSION_IN_USE: SESSION_BACKOFF,
  SESSION_EXPIRED: SESSION_NOW,
  RESUME_EXPIRED: MESSAGE_NEVER,
  STREAM_LIMIT: CONNECTION_NOW,
  DRAINING: CONNECTION_NOW,
  TAKEN_OVER: SESSION_NEVER,
  ROUTE_FAILED: MESSAGE_BACKOFF,
  ROUTE_TIMEOUT: MESSAGE_BACKOFF,
  UPSTREAM_UNAVAILABLE: MESSAGE_BACKOFF,
  INTERNAL: CONNECTION_BACKOFF,
} as const satisfies Record<string, { readonly scope: ErrorScope; readonly retry: RetryAdvice }>;

export type ErrorCode = keyof typeof errorAdvice;
