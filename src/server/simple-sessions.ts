import type { DropReason } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Route } from '../session/route.js';
import type { SessionManager } from '../session/session-manager.js';
import { closedControl } from '../session/control-messages.js';
import type { SimpleSession } from '../session/simple-session.js';
import { controlMessage, MessageType, type DataMessage } from '../wire/messages.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { ConnectionSessions, Receiving } from './connection-sessions.js';
import { asRefusal, notCovered, type Gatekeeper } from './gatekeeper.js';
import {
  SimpleAttachment,
  type SimpleAttachmentHost,
  type SimpleAttachmentOwner,
} from './simple-attachment.js';
import { UndecidedOpen, WHAT_WAS_READ } from './undecided-open.js';
import { isPrintableId } from '../core/printable.js';
import { invalidSessionId } from './session-id.js';
import { RouteFaults } from './route-faults.js';
import type { ServerCounters } from './server-counters.js';

/** The route of a simple connection's sessions, chosen by its metadata. */
export interface RouteChoice {
  readonly name: string;
  readonly route: Route;
  readonly subject: string;
  /** Whether the client named it. */
  readonly named: boolean;
}

export interface SimpleSessionsContext {
  readonly gatekeeper: Gatekeeper;
  readonly account: ByteAccount;
  readonly sessions: SessionManager;
  readonly counters: ServerCounters;
  readonly logger: Logger;
}

/** What the sessions need of their connection's supervisor. */
export interface SimpleSessionsHost extends SimpleAttachmentHost {
  /** Queues control for the client, ahead of data. */
  notify(message: DataMessage): void;
  /** A session is not opened; the client is told. */
  refuseSession(sessionId: string, error: SluiceError): void;
  /** The session is over: nobody may hold it any more. */
  forget(attachment: Receiving): void;
  /** A message that is not taken: counted, not answered. */
  ignored(): void;
  /** Messages that have waited are read now. */
  replay(messages: readonly DataMessage[]): void;
  /** A fault of the gateway: the connection pays. */
  onFault(error: unknown): void;
}

/** The sessions of one simple connection: opened by being named, found by name, ended together. */
export class SimpleSessions implements ConnectionSessions, SimpleAttachmentOwner {
  readonly #context: SimpleSessionsContext;
  readonly #host: SimpleSessionsHost;
  readonly #choice: RouteChoice;
  readonly #byId = new Map<string, SimpleAttachment>();
  /** Nothing is acknowledged here. */
  readonly waitForAcks = false;
  /** While somebody else is asked whether the client may open sessions at all. */
  #undecided: UndecidedOpen | undefined;
  /** What they said: a yes holds until a fresh token comes, a no for those that have waited for it. */
  #verdict: 'allowed' | SluiceError | undefined;
  /** Made for the first. */
  #routeFaults: RouteFaults | undefined;

  constructor(context: SimpleSessionsContext, host: SimpleSessionsHost, choice: RouteChoice) {
    this.#context = context;
    this.#host = host;
    this.#choice = choice;
  }

  get size(): number {
    return this.#byId.size;
  }

  get undecidedBytes(): number {
    return this.#undecided?.heldBytes ?? 0;
  }

  get isDone(): boolean {
    return this.#host.connection.receiveQuota.messages === 0 && this.#undecided === undefined;
  }

  get oweSomething(): boolean {
    return !this.isDone;
  }

  get holdsReading(): boolean {
    return this.#undecided !== undefined;
  }

  /** The session of this ID, opened if it is not; undefined when it was refused, of which the client is told. */
  receiverOf(sessionId: string): Receiving | undefined {
    // Whatever comes meanwhile waits, for what is open, too: its Close may be waiting already.
    if (this.#undecided !== undefined) return this.#undecided;
    const known = this.#byId.get(sessionId);
    if (known !== undefined) return known;
    if (!isPrintableId(sessionId)) {
      this.#host.refuse(sessionId, invalidSessionId(sessionId));
      return undefined;
    }
    try {
      const asked = this.#askIfAllowed();
      if (asked !== undefined) return asked;
    } catch (error) {
      this.#host.refuseSession(sessionId, asRefusal(error));
      return undefined;
    }
    const { sessions, counters } = this.#context;
    const attachment = new SimpleAttachment(sessionId, this.#host, this, counters.down);
    try {
      attachment.bind(
        sessions.open({
          identity: this.#host.connection.identity,
          sessionId,
          subject: this.#choice.subject,
          routeName: this.#choice.name,
          route: this.#choice.route,
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

  defers(message: DataMessage): boolean {
    if (this.#undecided === undefined) return false;
    this.#undecided.receive(message);
    return true;
  }

  identityChanged(): void {
    this.#verdict = undefined;
    const { identity } = this.#host.connection;
    for (const { session } of [...this.#byId.values()]) {
      session.identity = identity;
      if (!session.coveredBy(identity)) session.expel('session-closed', notCovered(session.sessionId));
    }
  }

  acknowledge(message: DataMessage): void {
    if (message.type !== MessageType.ACK) return;
    this.#refuse(message.sessionId, 'ACK on a simple connection, where nothing is acknowledged');
  }

  open(sessionId: string): void {
    this.#host.refuseSession(
      sessionId,
      new SluiceError(
        'INVALID_MESSAGE',
        'Open on a simple connection, whose sessions open by being named (data without a sequence made it one)',
      ),
    );
  }

  /** Idempotent: closing what is closed is answered with Closed again. */
  close(sessionId: string): void {
    const attachment = this.#byId.get(sessionId);
    if (attachment === undefined) this.#host.notify(controlMessage(closedControl(undefined), sessionId));
    else attachment.session.end();
  }

  pause(sessionId: string): void {
    this.#named(sessionId, 'Pause')?.pause();
  }

  resume(sessionId: string): void {
    this.#named(sessionId, 'Resume')?.resume();
  }

  changeWindow(sessionId: string): void {
    this.#refuse(sessionId, 'Window on a simple connection, whose sessions have no window');
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
  release(reason: DropReason, error: SluiceError | undefined): void {
    const undecided = this.#undecided;
    this.#undecided = undefined;
    for (let left = undecided?.abandon() ?? 0; left > 0; left -= 1) this.#host.ignored();
    const cause = error ?? new SluiceError('INTERNAL', 'the connection of the session has ended');
    for (const attachment of [...this.#byId.values()]) attachment.release(attachment.session, reason, cause);
  }

  detach(attachment: SimpleAttachment): void {
    if (this.#byId.get(attachment.sessionId) !== attachment) return;
    this.#byId.delete(attachment.sessionId);
    this.#host.forget(attachment);
    this.#context.sessions.remove(attachment.session);
    this.#context.counters.sessionsClosed += 1;
  }

  routeFailed(session: SimpleSession, error: unknown): void {
    this.#routeFaults ??= new RouteFaults(this.#context, {
      what: 'a route failed on a message',
      more: 'this connection',
    });
    const { name, routeName, connectionId } = session;
    this.#routeFaults.note(error, { session: name, route: routeName, connection: connectionId });
  }

  /** Throws where the client may not open sessions; gives who waits where somebody else has to be asked. */
  #askIfAllowed(): UndecidedOpen | undefined {
    if (this.#verdict === 'allowed') return undefined;
    if (this.#verdict !== undefined) throw this.#verdict;
    const { connection } = this.#host;
    const { name: route, subject, named } = this.#choice;
    const undecided = new UndecidedOpen('', this.#context.account, WHAT_WAS_READ, () => undefined);
    const question = {
      identity: connection.identity,
      sessionId: '',
      route,
      subject,
      named,
      peer: connection.stream.peer,
    };
    const answer = this.#context.gatekeeper.mayOpen(question, undecided.abort.signal);
    if (answer === undefined) return undefined;
    this.#undecided = undecided;
    const decided = (verdict: 'allowed' | SluiceError): void => {
      if (this.#undecided !== undecided) return;
      this.#undecided = undefined;
      this.#verdict = verdict;
      this.#host.forget(undecided);
      this.#host.replay(undecided.takeWaiting());
      // What was said of the token before is for those that came under it.
      if (verdict !== 'allowed' || connection.identity !== question.identity) this.#verdict = undefined;
    };
    answer
      .then(
        () => {
          // Meanwhile a fresh token may have come that allows less.
          const covered = connection.identity.allows('open', route, subject);
          decided(covered ? 'allowed' : notCovered(''));
        },
        (error: unknown) => {
          decided(asRefusal(error));
        },
      )
      .catch((fault: unknown) => {
        this.#host.onFault(fault);
      });
    return undecided;
  }

  #named(sessionId: string, action: string): SimpleAttachment | undefined {
    const attachment = this.#byId.get(sessionId);
    if (attachment === undefined)
      this.#refuse(sessionId, `${action} for session "${sessionId}", which is not open`);
    return attachment;
  }

  #refuse(sessionId: string, explanation: string): void {
    this.#host.refuse(sessionId, new SluiceError('INVALID_MESSAGE', explanation));
  }

  #refuseToOpen(attachment: SimpleAttachment, error: unknown): void {
    const { name } = this.#choice;
    const refusal =
      error instanceof SluiceError
        ? error
        : new SluiceError('ROUTE_FAILED', `route "${name}" failed to open the session`, { cause: error });
    if (refusal !== error) this.#context.logger.warn({ err: error, route: name }, refusal.message);
    attachment.abandon(refusal);
    this.#host.refuseSession(attachment.sessionId, refusal);
  }
}
