import { tally, type DropReason } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Route } from '../session/route.js';
import type { SessionManager } from '../session/session-manager.js';
import type { StreamSession } from '../session/stream-session.js';
import { controlMessage, type DataMessage } from '../wire/messages.js';
import { Attachment, type AttachmentHost, type AttachmentOwner } from './attachment.js';
import { closedControl, errorControl } from './control-messages.js';
import { invalidSessionId, isPrintableId, saidBack } from './identity.js';
import type { ServerCounters } from './server-counters.js';

/** The route of a simple connection's sessions, chosen by its metadata. */
export interface RouteChoice {
  readonly name: string;
  readonly route: Route;
  readonly subject: string;
}

export interface AttachedSessionsContext {
  readonly sessions: SessionManager;
  readonly counters: ServerCounters;
  readonly logger: Logger;
}

/** What the sessions need of their connection's supervisor. */
export interface AttachedSessionsHost extends AttachmentHost {
  /** Queues control for the client, ahead of data. */
  notify(message: DataMessage): void;
  /** The session is over: nobody may hold it any more. */
  forget(attachment: Attachment): void;
}

/** The sessions of one simple connection: opened by being named, found by name, ended together. */
export class AttachedSessions implements AttachmentOwner {
  readonly #context: AttachedSessionsContext;
  readonly #host: AttachedSessionsHost;
  readonly #choice: RouteChoice;
  readonly #byId = new Map<string, Attachment>();
  #routeFaultLogged = false;

  constructor(context: AttachedSessionsContext, host: AttachedSessionsHost, choice: RouteChoice) {
    this.#context = context;
    this.#host = host;
    this.#choice = choice;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(sessionId: string): Attachment | undefined {
    return this.#byId.get(sessionId);
  }

  /** The session of this ID, opened if it is not; undefined when it was refused, of which the client is told. */
  open(sessionId: string): Attachment | undefined {
    const known = this.#byId.get(sessionId);
    if (known !== undefined) return known;
    if (!isPrintableId(sessionId)) {
      this.refuse(sessionId, invalidSessionId(sessionId));
      return undefined;
    }
    const { sessions, counters } = this.#context;
    const attachment = new Attachment(sessionId, this.#host, this, counters.down);
    try {
      attachment.bind(
        sessions.open({
          clientId: this.#host.connection.clientId,
          sessionId,
          subject: this.#choice.subject,
          routeName: this.#choice.name,
          route: this.#choice.route,
          connectionId: this.#host.connection.id,
          connectionSessions: this.#byId.size,
          port: attachment,
        }),
      );
    } catch (error) {
      this.#refuseToOpen(attachment, error);
      return undefined;
    }
    this.#byId.set(sessionId, attachment);
    counters.sessionsOpened += 1;
    return attachment;
  }

  /** Tells the client that one message is refused. */
  refuse(sessionId: string, error: SluiceError): void {
    tally(this.#context.counters.receiveErrors, error.code);
    this.#host.notify(controlMessage(errorControl(error), saidBack(sessionId)));
  }

  /** Tells the client that a session is not opened. */
  refuseSession(sessionId: string, error: SluiceError): void {
    tally(this.#context.counters.receiveErrors, error.code);
    this.#host.notify(controlMessage(closedControl(error), sessionId));
  }

  /** Whether some session has data that its client has not paused. */
  get hasDataToGo(): boolean {
    if (this.#host.connection.sendQueue.paused) return false;
    for (const attachment of this.#byId.values()) if (attachment.hasDataToGo) return true;
    return false;
  }

  /** Handles what waited for room among the answers. */
  pump(): void {
    for (const attachment of this.#byId.values()) attachment.session.pump();
  }

  resumeAll(): void {
    for (const attachment of this.#byId.values()) attachment.resume();
  }

  /** Ends all of them; what waits in either direction is dropped for `reason`. */
  release(reason: DropReason, error: SluiceError): void {
    for (const attachment of [...this.#byId.values()]) attachment.release(attachment.session, reason, error);
  }

  detach(attachment: Attachment): void {
    if (this.#byId.get(attachment.sessionId) !== attachment) return;
    this.#byId.delete(attachment.sessionId);
    this.#host.forget(attachment);
    this.#context.sessions.remove(attachment.session);
    this.#context.counters.sessionsClosed += 1;
  }

  routeFailed(session: StreamSession, error: unknown): void {
    this.#context.counters.routeErrors += 1;
    if (error instanceof SluiceError) return;
    const { logger } = this.#context;
    const fields = {
      err: error,
      session: session.name,
      route: session.routeName,
      connection: session.connectionId,
    };
    // A route that fails on every message must not fill the log.
    if (this.#routeFaultLogged) logger.debug(fields, 'a route failed on a message');
    else logger.warn(fields, 'a route failed on a message; more of this connection at level debug');
    this.#routeFaultLogged = true;
  }

  #refuseToOpen(attachment: Attachment, error: unknown): void {
    const { name } = this.#choice;
    const refusal =
      error instanceof SluiceError
        ? error
        : new SluiceError('ROUTE_FAILED', `route "${name}" failed to open the session`, { cause: error });
    if (refusal !== error) this.#context.logger.warn({ err: error, route: name }, refusal.message);
    attachment.abandon(refusal);
    this.refuseSession(attachment.sessionId, refusal);
  }
}
