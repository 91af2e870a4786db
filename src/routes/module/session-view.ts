import type { SluiceError } from '../../core/errors.js';
import type { Identity } from '../../core/identity.js';
import { type Outgoing, routeMessage } from '../../session/outgoing-message.js';
import type { RouteSession } from '../../session/route.js';
import { ownError } from './sluice-error.js';
import { Received, type ReceivedMessage } from './received-message.js';

/** A session, in the words of whoever writes a module. */
export interface SessionView {
  readonly clientId: string;
  readonly sessionId: string;
  /** What the client asked for within the route; "" where it named nothing. */
  readonly subject: string;
  /** The route's name, as clients say it. */
  readonly routeName: string;
  /** Who is calling and what they may do, as it is now. */
  readonly identity: Identity;
  /** Whether its client is there; else the session waits for it. */
  readonly attached: boolean;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
  /** The last messages the client sent, oldest first, where the route `wantsRecent`. */
  readonly recent: readonly ReceivedMessage[];
  /**
   * Sends text, bytes, or either with metadata, key and time to live. Undefined
   * where it was taken at once, else a promise: await it, that is the
   * backpressure. All else is said of `RouteSession.send`.
   */
  send(message: Outgoing): undefined | Promise<void>;
  /** Ends the session after what was sent; `reason` is told to the client. */
  end(reason?: string): void;
  /** Ends the session at once with this error, which the client is told; what waits in either direction is dropped. */
  fail(error: SluiceError): void;
}

export class ViewedSession implements SessionView {
  readonly routeName: string;
  readonly #session: RouteSession;

  constructor(session: RouteSession, routeName: string) {
    this.#session = session;
    this.routeName = routeName;
  }

  get clientId(): string {
    return this.#session.clientId;
  }

  get sessionId(): string {
    return this.#session.sessionId;
  }

  get subject(): string {
    return this.#session.subject;
  }

  get identity(): Identity {
    return this.#session.identity;
  }

  get attached(): boolean {
    return this.#session.attached;
  }

  get signal(): AbortSignal {
    return this.#session.signal;
  }

  get recent(): readonly ReceivedMessage[] {
    return this.#session.recent.map((message) => new Received(message, this.#session));
  }

  send(message: Outgoing): undefined | Promise<void> {
    return this.#session.send(routeMessage(message));
  }

  end(reason?: string): void {
    this.#session.end(reason);
  }

  fail(error: SluiceError): void {
    this.#session.fail(ownError(error) as SluiceError);
  }
}
