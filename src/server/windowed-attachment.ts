import type { ClientConnection } from '../pool/client-connection.js';
import type { Lane } from '../pool/lane.js';
import type { SessionLink } from '../session/windowed/session-link.js';
import type { WindowedSession } from '../session/windowed/windowed-session.js';
import type { DataMessage } from '../wire/messages.js';
import type { Receiving } from './connection-sessions.js';
import type { OwesAck } from './delayed-acks.js';

/** What an attachment needs of the connection's supervisor. */
export interface WindowedAttachmentHost {
  readonly connection: ClientConnection;
  /** Something was queued: the send loop has work. */
  wake(): void;
  /** A message that waited has been handled. */
  handled(): void;
}

/** Who keeps the attachments of a connection. */
export interface WindowedAttachmentOwner {
  ackLater(attachment: WindowedAttachment): void;
  /** The session is attached here no more. */
  forget(attachment: WindowedAttachment): void;
}

/** A windowed session's hold on one connection, and its lane there. The session goes on without it. */
export class WindowedAttachment implements SessionLink, Lane, Receiving, OwesAck {
  readonly sessionId: string;
  readonly #host: WindowedAttachmentHost;
  readonly #owner: WindowedAttachmentOwner;
  #session: WindowedSession | undefined;
  paused = false;
  scheduled = false;
  ackDueAt: number | undefined;
  previous: OwesAck | undefined;
  next: OwesAck | undefined;

  constructor(sessionId: string, host: WindowedAttachmentHost, owner: WindowedAttachmentOwner) {
    this.sessionId = sessionId;
    this.#host = host;
    this.#owner = owner;
  }

  /** Undefined before it has opened, and when it has left. */
  get session(): WindowedSession | undefined {
    return this.#session;
  }

  get connectionId(): string {
    return this.#host.connection.id;
  }

  get peer(): string {
    return this.#host.connection.stream.peer;
  }

  get answersBlocked(): boolean {
    return this.#host.connection.sendQueue.controlRoom === 0;
  }

  get hasTurn(): boolean {
    return this.#session?.isSendable === true;
  }

  bind(session: WindowedSession): void {
    this.#session = session;
  }

  receive(message: DataMessage, now: number): void {
    if (message.ack !== 0) this.#session?.acknowledge(message.ack);
    // The ack may have ended it.
    this.#session?.receive(message, now);
  }

  take(batch: DataMessage[], until: number, maxBytes: number): number {
    return this.#session?.take(batch, until, maxBytes) ?? 0;
  }

  write(message: DataMessage): void {
    this.#host.connection.sendQueue.pushControl(message);
    this.#host.wake();
  }

  wake(): void {
    if (this.paused || !this.hasTurn) return;
    this.#host.connection.sendQueue.schedule(this);
    this.#host.wake();
  }

  ackLater(): void {
    this.#owner.ackLater(this);
  }

  // Often data has carried it meanwhile.
  writeAck(): void {
    if (this.#session?.owesAck === true) this.#session.writeAck();
  }

  progressed(): void {
    this.#host.handled();
  }

  left(): void {
    this.#session = undefined;
    this.#owner.forget(this);
  }

  pause(): void {
    this.#host.connection.sendQueue.pauseLane(this);
  }

  resume(): void {
    this.#host.connection.sendQueue.resumeLane(this);
    this.#host.wake();
  }
}
