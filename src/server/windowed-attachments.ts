import { SluiceError } from '../core/errors.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { SessionManager } from '../session/session-manager.js';
import type { WindowedSessions } from '../session/windowed/windowed-sessions.js';
import {
  controlMessage,
  dataMessage,
  EMPTY_BYTES,
  MessageType,
  type DataMessage,
  type Open,
  type Window,
} from '../wire/messages.js';
import type { ConnectionSessions, Receiving } from './connection-sessions.js';
import type { DelayedAcks } from './delayed-acks.js';
import { asRefusal, notCovered, type Gatekeeper } from './gatekeeper.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { invalidSessionId } from './session-id.js';
import { BEHIND_AN_OPEN, UndecidedOpen } from './undecided-open.js';
import {
  WindowedAttachment,
  type WindowedAttachmentHost,
  type WindowedAttachmentOwner,
} from './windowed-attachment.js';

export interface WindowedAttachmentsContext {
  readonly gatekeeper: Gatekeeper;
  readonly account: ByteAccount;
  readonly sessions: SessionManager;
  readonly windowed: WindowedSessions;
  readonly acks: DelayedAcks;
}

export interface WindowedAttachmentsHost extends WindowedAttachmentHost {
  /** Queues control for the client, ahead of data. */
  notify(message: DataMessage): void;
  /** A session is not opened; the client is told. */
  refuseSession(sessionId: string, error: SluiceError): void;
  /** A message for a session that is not open here: counted, not answered. */
  ignored(): void;
  /** The session is attached here no more: nobody may hold its attachment. */
  forget(attachment: Receiving): void;
  /** Messages that have waited are read now. */
  replay(messages: readonly DataMessage[]): void;
  /** A fault of the gateway: the connection pays. */
  onFault(error: unknown): void;
}

/** The sessions that are attached to one windowed connection: opened explicitly, detached when it ends. */
export class WindowedAttachments implements ConnectionSessions, WindowedAttachmentOwner {
  readonly #context: WindowedAttachmentsContext;
  readonly #host: WindowedAttachmentsHost;
  readonly #byId = new Map<string, WindowedAttachment>();
  /** Opens that somebody else is asked about; made when there is one. */
  #undecided: Map<string, UndecidedOpen> | undefined;
  /** A windowed connection is always read. */
  readonly holdsReading = false;

  constructor(context: WindowedAttachmentsContext, host: WindowedAttachmentsHost) {
    this.#context = context;
    this.#host = host;
  }

  get size(): number {
    return this.#byId.size;
  }

  get undecidedBytes(): number {
    let bytes = 0;
    for (const { heldBytes } of this.#undecided?.values() ?? []) bytes += heldBytes;
    return bytes;
  }

  get hasDataToGo(): boolean {
    return this.#host.connection.sendQueue.hasReadyData;
  }

  get waitForAcks(): boolean {
    for (const { session, paused, hasTurn } of this.#byId.values()) {
      if (session !== undefined && session.waiting.messages > 0 && !hasTurn && !paused) return true;
    }
    return false;
  }

  get isDone(): boolean {
    if (this.#undecidedCount > 0) return false;
    for (const { session, hasTurn } of this.#byId.values()) {
      if (hasTurn || session?.isHandled === false) return false;
    }
    return true;
  }

  get oweSomething(): boolean {
    if (this.#undecidedCount > 0) return true;
    for (const { session } of this.#byId.values()) if (session?.isIdle === false) return true;
    return false;
  }

  receiverOf(sessionId: string): Receiving | undefined {
    return this.#undecided?.get(sessionId) ?? this.#attached(sessionId);
  }

  defers(message: DataMessage): boolean {
    const undecided = this.#undecided?.get(message.sessionId);
    // Decided, its Open comes once more, and what has waited behind it.
    if (undecided === undefined || undecided.verdict !== undefined) return false;
    undecided.receive(message);
    return true;
  }

  acknowledge({ sessionId, ack, type }: DataMessage): void {
    const attachment = this.#byId.get(sessionId);
    if (attachment === undefined) {
      // On control, the action says so itself.
      if (type === MessageType.ACK) this.#host.ignored();
    } else if (ack !== 0) attachment.session?.acknowledge(ack);
  }

  open(sessionId: string, open: Open): void {
    const attached = this.#byId.get(sessionId)?.session;
    if (attached !== undefined) {
      attached.expel(
        'session-closed',
        new SluiceError(
          'INVALID_MESSAGE',
          `Open for session "${sessionId}", which is open on this connection`,
        ),
      );
      return;
    }
    const invalid = invalidOpen(sessionId, open);
    if (invalid !== undefined) {
      this.#host.refuseSession(sessionId, invalid);
      return;
    }
    if (!this.#isAllowed(sessionId, open)) return;
    const attachment = new WindowedAttachment(sessionId, this.#host, this);
    const decision = this.#context.windowed.decide({
      identity: this.#host.connection.identity,
      sessionId,
      open,
      link: attachment,
      connectionSessions: this.#byId.size,
    });
    switch (decision.kind) {
      case 'attached':
        // What it was resumed with may have ended it.
        if (decision.session.state === 'closed') return;
        attachment.bind(decision.session);
        this.#byId.set(sessionId, attachment);
        decision.session.greet(decision.resumed);
        return;
      case 'ended': {
        const { errors, ack, closed } = decision.ending;
        for (const error of errors) this.#host.notify(controlMessage(error, sessionId));
        this.#host.notify(dataMessage({ type: MessageType.CONTROL, sessionId, ack, control: closed }));
        return;
      }
      case 'gone':
        this.#host.notify(controlMessage(GONE, sessionId));
        return;
      case 'refused':
        this.#host.refuseSession(sessionId, decision.error);
    }
  }

  close(sessionId: string): void {
    this.#attached(sessionId)?.session?.close();
  }

  pause(sessionId: string): void {
    this.#attached(sessionId)?.pause();
  }

  resume(sessionId: string): void {
    this.#attached(sessionId)?.resume();
  }

  changeWindow(sessionId: string, change: Window): void {
    this.#attached(sessionId)?.session?.changeWindow(change);
  }

  identityChanged(): void {
    const { identity } = this.#host.connection;
    for (const { session } of [...this.#byId.values()]) {
      if (session === undefined) continue;
      session.identity = identity;
      if (!session.coveredBy(identity)) session.expel('session-closed', notCovered(session.sessionId));
    }
  }

  resumeAll(): void {
    for (const attachment of this.#byId.values()) attachment.resume();
  }

  pump(): void {
    for (const attachment of [...this.#byId.values()]) {
      if (this.#host.connection.sendQueue.controlRoom === 0) return;
      // Who was served goes behind the others: answers that fill the queue must not always be the same session's.
      if (this.#byId.get(attachment.sessionId) === attachment) {
        this.#byId.delete(attachment.sessionId);
        this.#byId.set(attachment.sessionId, attachment);
      }
      attachment.session?.resumeHandling();
    }
  }

  /** The sessions wait for their client, save where the gateway's own time is over. */
  release(): void {
    for (const undecided of this.#undecided?.values() ?? []) this.#abandon(undecided);
    this.#undecided = undefined;
    const attachments = [...this.#byId.values()];
    this.#byId.clear();
    for (const attachment of attachments) {
      this.#context.acks.remove(attachment);
      const { session } = attachment;
      if (session === undefined) continue;
      if (this.#context.windowed.timeIsUp) session.cut();
      else {
        if (session.owesAck) session.writeAck();
        this.#context.windowed.detach(session);
      }
    }
  }

  ackLater(attachment: WindowedAttachment): void {
    this.#context.acks.add(attachment);
  }

  forget(attachment: WindowedAttachment): void {
    this.#context.acks.remove(attachment);
    if (this.#byId.get(attachment.sessionId) === attachment) this.#byId.delete(attachment.sessionId);
    this.#host.forget(attachment);
  }

  get #undecidedCount(): number {
    return this.#undecided?.size ?? 0;
  }

  #attached(sessionId: string): WindowedAttachment | undefined {
    const attachment = this.#byId.get(sessionId);
    if (attachment === undefined) this.#host.ignored();
    return attachment;
  }

  /** Whether the client may open this, now; if not, it has been told, or somebody else is being asked. */
  #isAllowed(sessionId: string, open: Open): boolean {
    const { connection } = this.#host;
    const { identity } = connection;
    const asked = this.#undecided?.get(sessionId);
    try {
      if (asked?.verdict !== undefined) {
        this.#undecided?.delete(sessionId);
        this.#host.forget(asked);
        if (asked.verdict !== 'allowed') throw asked.verdict;
      }
      const target = this.#context.windowed.targetOf({ identity, sessionId, open });
      if (target === undefined) return true;
      if (asked?.verdict === 'allowed') {
        // Meanwhile a fresh token may have come that allows less.
        if (identity.allows('open', target.route, target.subject)) return true;
        throw notCovered(sessionId);
      }
      if (this.#undecidedCount > 0) {
        const held = this.#byId.size + this.#undecidedCount;
        this.#context.sessions.refuseOverConnectionLimit(sessionId, held);
      }
      const undecided = new UndecidedOpen(sessionId, this.#context.account, BEHIND_AN_OPEN, (error) => {
        this.#abandon(undecided);
        this.#undecided?.delete(sessionId);
        this.#host.refuseSession(sessionId, error);
      });
      const question = { identity, sessionId, ...target, peer: connection.stream.peer };
      const answer = this.#context.gatekeeper.mayOpen(question, undecided.abort.signal);
      if (answer === undefined) return true;
      this.#await(undecided, open, answer);
      return false;
    } catch (error) {
      this.#host.refuseSession(sessionId, asRefusal(error));
      return false;
    }
  }

  #await(undecided: UndecidedOpen, open: Open, answer: Promise<void>): void {
    this.#undecided ??= new Map();
    this.#undecided.set(undecided.sessionId, undecided);
    const decided = (verdict: 'allowed' | SluiceError): void => {
      if (this.#undecided?.get(undecided.sessionId) !== undecided) return;
      undecided.verdict = verdict;
      // The Open itself again, for it may have to wait for room among the answers like any other.
      this.#host.replay([controlMessage(open, undecided.sessionId), ...undecided.takeWaiting()]);
    };
    answer
      .then(
        () => {
          decided('allowed');
        },
        (error: unknown) => {
          decided(asRefusal(error));
        },
      )
      .catch((fault: unknown) => {
        this.#host.onFault(fault);
      });
  }

  /** What has waited for its answer is for a session that is not open. */
  #abandon(undecided: UndecidedOpen): void {
    this.#host.forget(undecided);
    for (let left = undecided.abandon(); left > 0; left -= 1) this.#host.ignored();
  }
}

const GONE = {
  action: 'opened',
  resumed: false,
  resumeToken: EMPTY_BYTES,
  lastReceivedSequence: 0,
  windowMessages: 0,
  windowBytes: 0,
} as const;

/** The longest name of a route that is looked at: none of the configuration is half as long. */
const MAX_ROUTE_LENGTH = 128;

/** What can be told without asking anybody, and must not be handed on. */
function invalidOpen(sessionId: string, { route, subject }: Open): SluiceError | undefined {
  if (!isPrintableId(sessionId)) return invalidSessionId(sessionId);
  if (route.length > MAX_ROUTE_LENGTH) {
    return new SluiceError(
      'INVALID_MESSAGE',
      `route ${quoted(route)} is longer than ${MAX_ROUTE_LENGTH} characters`,
    );
  }
  if (subject === '' || isPrintableId(subject)) return undefined;
  return new SluiceError(
    'INVALID_MESSAGE',
    `subject ${quoted(subject)} is not 1 to 128 printable characters`,
  );
}
