import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
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
import type { ConnectionSessions } from './connection-sessions.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { invalidSessionId } from './session-id.js';
import {
  WindowedAttachment,
  type WindowedAttachmentHost,
  type WindowedAttachmentOwner,
} from './windowed-attachment.js';

export interface WindowedAttachmentsContext {
  readonly clock: Clock;
  readonly windowed: WindowedSessions;
  readonly settings: { readonly ackDelayMs: number };
}

export interface WindowedAttachmentsHost extends WindowedAttachmentHost {
  /** Queues control for the client, ahead of data. */
  notify(message: DataMessage): void;
  /** A session is not opened; the client is told. */
  refuseSession(sessionId: string, error: SluiceError): void;
  /** A message for a session that is not open here: counted, not answered. */
  ignored(): void;
  /** The session is attached here no more: nobody may hold its attachment. */
  forget(attachment: WindowedAttachment): void;
}

/** The sessions that are attached to one windowed connection: opened explicitly, detached when it ends. */
export class WindowedAttachments implements ConnectionSessions, WindowedAttachmentOwner {
  readonly #context: WindowedAttachmentsContext;
  readonly #host: WindowedAttachmentsHost;
  readonly #byId = new Map<string, WindowedAttachment>();
  /** Those whose acks are due within the ack delay. */
  #acksDue: WindowedAttachment[] = [];
  #ackTimer: Timer | undefined;

  constructor(context: WindowedAttachmentsContext, host: WindowedAttachmentsHost) {
    this.#context = context;
    this.#host = host;
  }

  get size(): number {
    return this.#byId.size;
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
    for (const { session, hasTurn } of this.#byId.values()) {
      if (hasTurn || session?.isHandled === false) return false;
    }
    return true;
  }

  get oweSomething(): boolean {
    for (const { session } of this.#byId.values()) if (session?.isIdle === false) return true;
    return false;
  }

  receiverOf(sessionId: string): WindowedAttachment | undefined {
    const attachment = this.#byId.get(sessionId);
    if (attachment === undefined) this.#host.ignored();
    return attachment;
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
    const attachment = new WindowedAttachment(sessionId, this.#host, this);
    const decision = this.#context.windowed.decide({
      clientId: this.#host.connection.clientId,
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
    this.receiverOf(sessionId)?.session?.close();
  }

  pause(sessionId: string): void {
    this.receiverOf(sessionId)?.pause();
  }

  resume(sessionId: string): void {
    this.receiverOf(sessionId)?.resume();
  }

  changeWindow(sessionId: string, change: Window): void {
    this.receiverOf(sessionId)?.session?.changeWindow(change);
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
    this.#ackTimer?.cancel();
    this.#ackTimer = undefined;
    const attachments = [...this.#byId.values()];
    this.#byId.clear();
    for (const { session } of attachments) {
      if (session === undefined) continue;
      if (this.#context.windowed.timeIsUp) session.cut();
      else {
        if (session.owesAck) session.writeAck();
        this.#context.windowed.detach(session);
      }
    }
  }

  ackLater(attachment: WindowedAttachment): void {
    attachment.ackPending = true;
    this.#acksDue.push(attachment);
    this.#ackTimer ??= this.#context.clock.setTimeout(() => {
      this.#ackTimer = undefined;
      this.#writeAcks();
    }, this.#context.settings.ackDelayMs);
  }

  forget(attachment: WindowedAttachment): void {
    if (this.#byId.get(attachment.sessionId) === attachment) this.#byId.delete(attachment.sessionId);
    this.#host.forget(attachment);
  }

  #writeAcks(): void {
    const due = this.#acksDue;
    this.#acksDue = [];
    for (const attachment of due) {
      attachment.ackPending = false;
      // Often data has carried it meanwhile.
      if (attachment.session?.owesAck === true) attachment.session.writeAck();
    }
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

function invalidOpen(sessionId: string, { subject }: Open): SluiceError | undefined {
  if (!isPrintableId(sessionId)) return invalidSessionId(sessionId);
  if (subject === '' || isPrintableId(subject)) return undefined;
  return new SluiceError(
    'INVALID_MESSAGE',
    `subject ${quoted(subject)} is not 1 to 128 printable characters`,
  );
}
