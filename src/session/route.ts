import type { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { DataMessage } from '../wire/messages.js';
import type { Overflow } from './overflow.js';
import type { TopicRoute, TopicStart } from './topic-route.js';

export type { Overflow };

/** What a session talks to: a named, configured handler. */
export interface Route {
  /** The kind named in the configuration: `echo`, `conformance`, … */
  readonly kind: string;
  /** Whether sessions keep their recent messages for this route (`RouteSession.recent`). Default false. */
  readonly wantsRecent?: boolean;
  /**
   * Whether a payload that comes in several messages (`more`) is given to `handle` as one, joined, instead of
   * piece by piece. Default false. On simple connections messages come as they are.
   */
  readonly wantsWhole?: boolean;
  /** What happens to messages of a windowed session that its client does not take. Default `block`: the route waits. */
  readonly overflow?: Overflow;
  /** What a client may choose instead when it opens. Default: anything where `overflow` is `block`, else nothing else. */
  readonly allowedOverflow?: readonly Overflow[] | undefined;
  /**
   * Whether a message is given to `handle` while the promises for those before it are open: as many as the session's
   * window (on a simple connection: the receive queue) lets in. They are accepted in order all the same: one that is
   * done counts when all before it are. Default false: one at a time.
   */
  readonly pipelined?: boolean;
  /** Where the route's subjects are topics. */
  readonly topic?: TopicRoute | undefined;
  /** Called before the gateway listens. Rejects with a StartError, which stops the start. */
  start?(): Promise<void>;
  /** The gateway has ended all sessions and stops: nothing may be left. Called once at most, also where `start` failed. */
  stop?(): void;
  /**
   * Called when a session opens. Throwing (a SluiceError, to choose the code)
   * refuses the session.
   */
  open(session: RouteSession): RouteHandler;
}

/** One session's side of a route. */
export interface RouteHandler {
  /**
   * One message of the session, in order, never two at a time (unless the route
   * is `pipelined`). The message is accepted when this returns, or when the
   * promise it returns resolves: the next comes only then. A throw or rejection fails this message alone: the
   * client sees `Error`, the session goes on.
   */
  handle(message: DataMessage): void | Promise<void>;
  /** Of an upload by Ingest, when all of it is handled: what its summary tells, by name. */
  aggregates?(): ReadonlyMap<string, number>;
  /** An opened session has lost its connection, and waits for its client. Must not throw. */
  detached?(): void;
  /** The session has ended, for whatever reason. Called once, with nothing after it. */
  closed?(): void;
}

/**
 * What a route may put into a message; the session adds its ID, sequence and
 * time. In an opened session a message that has waited for longer than `ttlMs`
 * is dropped and told as a Gap, and the messages of one payload (all but the
 * last with `more`) are taken, dropped and counted together. On a simple
 * connection both go out as they are.
 */
export type RouteMessage = Partial<Pick<DataMessage, 'data' | 'metadata' | 'key' | 'more' | 'ttlMs'>>;

/** A session as its route sees it. */
export interface RouteSession {
  readonly clientId: string;
  /**
   * Who is calling and what they may do, as it is now: `identity.allows('publish', route, subject)`.
   * A token that is refreshed within the stream, or a resume with another, changes it.
   */
  readonly identity: Identity;
  readonly sessionId: string;
  /** What the client asked for within the route; "" where it named nothing. */
  readonly subject: string;
  /** Where its client is, or was last, `host:port`; undefined for a session of the gateway's own. */
  readonly peer?: string | undefined;
  /** Where its client wants to begin, for routes that have a past. Both parts 0 on simple connections. */
  readonly start: TopicStart;
  /** Whether what is sent goes anywhere: false in an upload (Ingest), where `send` takes everything and sends nothing. Default true. */
  readonly hears?: boolean;
  /** Whether its client is there; else the session waits for it. */
  readonly attached: boolean;
  /** What becomes of what waits for its client, as it was chosen. On simple connections the route's, and `send` waits whatever it is. */
  readonly overflow: Overflow;
  /** Aborted when the session ends. A listener must not throw, and `send` throws from then on. */
  readonly signal: AbortSignal;
  /** The last messages the client sent, oldest first, where the route `wantsRecent`; bounded in messages and bytes. */
  readonly recent: readonly DataMessage[];
  /**
   * Sends to the client. The data is sent from where it lies, and after a
   * break again: don't change it any more. Returns undefined when the message
   * was taken at once, else a promise that resolves when it has been: await it,
   * that is the backpressure. Rejects with the error that ended the session. Throws
   * OVERLOADED when too many sends already wait; never for one that awaited
   * the one before it. Throws MESSAGE_TOO_LARGE for what the client could
   * not be sent. Works while an opened session waits for its client.
   */
  send(message: RouteMessage): undefined | Promise<void>;
  /** Advises the client that what it sends now will wait: a Throttle, where it can be told. */
  adviseToWait?(retryAfterMs: number, reason: string): void;
  /** Ends the session after what was sent; `reason` is told to the client. */
  end(reason?: string): void;
  /** Ends the session at once with this error, which the client is told; what waits in either direction is dropped. */
  fail(error: SluiceError): void;
}
