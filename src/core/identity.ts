/**
 * What a caller may be allowed to do with a route and a subject within it; `call` is of a proxy and `package.Service/Method`; `push` is to
 * other clients' sessions on that route. */
export const ACTIONS = ['open', 'publish', 'subscribe', 'ingest', 'call', 'push'] as const;
export type Action = (typeof ACTIONS)[number];

/** How the gateway came to know who is calling. */
export type AuthMethod = 'anonymous' | 'static' | 'jwt' | 'certificate';

/** What clients of a class are held to; undefined = what all are held to. */
export interface ClientLimits {
  /** Connections and sessions of one client ID. */
  readonly maxConnections?: number;
  readonly maxSessions?: number;
  /** The throttle before each send of one connection. */
  readonly messagesPerSecond?: number;
  readonly bytesPerSecond?: number;
}

/** Who is calling, and what they may do. Immutable: a refreshed token makes another. */
export interface Identity {
  /** 1 to 128 printable characters: the verified subject, or what stands in for one. */
  readonly clientId: string;
  readonly method: AuthMethod;
  /** A class of the configuration (`auth.classes`). */
  readonly clientClass: string;
  readonly limits: ClientLimits;
  /** Unix milliseconds; undefined where it holds for good. */
  readonly expiresAtMs: number | undefined;
  /** Pure, and quick enough to be asked for every message. `subject` "" where none is named. */
  allows(action: Action, route: string, subject: string): boolean;
  /** Whether there may be a route and a subject with which it is allowed. */
  allowsSomewhere(action: Action): boolean;
}
