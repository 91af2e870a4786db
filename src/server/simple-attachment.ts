import type { DropReason, FlowCounters } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Quota } from '../flow/quota.js';
import type { ClientConnection } from '../pool/client-connection.js';
import { SendLane } from '../pool/send-lane.js';
import { messageSize } from '../wire/codec.js';
import { controlMessage, weightOf, type Control, type DataMessage } from '../wire/messages.js';
import { closedControl, errorControl } from '../session/control-messages.js';
import { detached } from '../session/detached-message.js';
import type { SimpleSession, SimpleSessionPort } from '../session/simple-session.js';
import type { Receiving } from './connection-sessions.js';
import { quoted } from '../core/printable.js';

/** What an attachment needs of the connection's supervisor. */
export interface SimpleAttachmentHost {
  readonly connection: ClientConnection;
  readonly maxMessageBytes: number;
  /** Whether what is queued now will not go out at the end of this turn: paused, throttled, or the network is full. */
  readonly sendingIsHeld: boolean;
  now(): number;
  /** Unix milliseconds, one reading a turn. */
  stampMs(): number;
  /** Something was queued: the send loop has work. */
  wake(): void;
  /** A message that waited has been handled. */
  handled(): void;
  /** A send found no room. */
  sendWaits(): void;
  observeProcessing(ms: number): void;
  /** One message is refused; the connection goes on. */
  refuse(sessionId: string, error: SluiceError): void;
  /** The connection can't go on. */
  fail(error: SluiceError): void;
}

/** What a connection ends with over data with a sequence for a session that was not opened. */
export function sequencedData({ sequence, sessionId }: DataMessage): SluiceError {
  return new SluiceError(
    'INVALID_MESSAGE',
    `data with sequence ${sequence} for session ${quoted(sessionId)}, which was not opened: ` +
      'sequences need an opened session, a simple client leaves sequence at 0',
  );
}

/** Who keeps the attachments of a connection. */
export interface SimpleAttachmentOwner {
  /** The session is over; forget it. */
  detach(attachment: SimpleAttachment): void;
  routeFailed(session: SimpleSession, error: unknown): void;
}

/** A session of a simple connection, attached to it: what the session says goes into its lane of the send queue. */
export class SimpleAttachment implements SimpleSessionPort, Receiving {
  readonly sessionId: string;
  readonly #host: SimpleAttachmentHost;
  readonly #owner: SimpleAttachmentOwner;
  readonly #totalDown: FlowCounters;
  #session: SimpleSession | undefined;
  #lane: SendLane | undefined;

  constructor(
    sessionId: string,
    host: SimpleAttachmentHost,
    owner: SimpleAttachmentOwner,
    totalDown: FlowCounters,
  ) {
    this.sessionId = sessionId;
    this.#host = host;
    this.#owner = owner;
    this.#totalDown = totalDown;
  }

  get receiveQuota(): Quota {
    return this.#host.connection.receiveQuota;
  }

  get answersBlocked(): boolean {
    return this.#host.connection.sendQueue.controlRoom === 0;
  }

  /** The session, once its route has accepted it. */
  get session(): SimpleSession {
    if (this.#session === undefined) throw new TypeError('the attachment has no session yet');
    return this.#session;
  }

  get connectionId(): string {
    return this.#host.connection.id;
  }

  get peer(): string {
    return this.#host.connection.stream.peer;
  }

  get unsent(): number {
    return this.#lane?.messages.length ?? 0;
  }

  /** Whether something waits to be sent that its client has not paused. */
  get hasDataToGo(): boolean {
    return this.#lane !== undefined && !this.#lane.paused && this.#lane.messages.length > 0;
  }

  bind(session: SimpleSession): void {
    this.#session = session;
  }

  receive(message: DataMessage, now: number): void {
    const { session } = this;
    if (message.sequence !== 0) this.#host.fail(sequencedData(message));
    else if (session.state === 'open') session.deliver(message, now);
    else {
      this.#host.refuse(
        this.sessionId,
        new SluiceError(
          'INVALID_MESSAGE',
          `data for session "${this.sessionId}", which is closing: wait for its Closed`,
        ),
      );
    }
  }

  now(): number {
    return this.#host.now();
  }

  stampMs(): number {
    return this.#host.stampMs();
  }

  send(session: SimpleSession, message: DataMessage): undefined | Promise<void> {
    this.#refuseOversize(message);
    const lane = this.#laneOf(session);
    // An echo is a view of the chunk it came in: what waits must not keep whole chunks.
    const kept = lane.paused || this.#host.sendingIsHeld ? detached(message) : message;
    const queued = this.#host.connection.sendQueue.push(lane, kept);
    this.#host.wake();
    if (queued !== undefined) this.#host.sendWaits();
    return queued;
  }

  pause(): void {
    this.#host.connection.sendQueue.pauseLane(this.#laneOf(this.session));
  }

  resume(): void {
    this.#host.connection.sendQueue.resumeLane(this.#laneOf(this.session));
    this.#host.wake();
  }

  routeFailed(session: SimpleSession, message: DataMessage, error: unknown): void {
    this.#owner.routeFailed(session, error);
    this.answer(errorControl(error, message.sequence));
  }

  handled(): void {
    this.#host.handled();
  }

  drained(session: SimpleSession, reason: string): void {
    this.#host.connection.sendQueue.finish(
      this.#laneOf(session),
      controlMessage(closedControl(undefined, reason), this.sessionId),
    );
    this.#host.wake();
  }

  expel(session: SimpleSession, reason: DropReason, error: SluiceError): void {
    this.release(session, reason, error);
    this.answer(closedControl(error));
  }

  fault(session: SimpleSession, error: unknown): void {
    this.#owner.routeFailed(session, error);
  }

  observeProcessing(ms: number): void {
    this.#host.observeProcessing(ms);
  }

  /** Ends the session here; what waits in either direction is dropped for `reason`. */
  release(session: SimpleSession, reason: DropReason, error: SluiceError): void {
    session.close(reason, error);
    this.#dropUnsent(reason, error);
    this.#owner.detach(this);
  }

  /** The route refused the session: what it sent meanwhile is dropped. */
  abandon(error: SluiceError): void {
    this.#dropUnsent('session-closed', error);
  }

  answer(control: Control): void {
    this.#host.connection.sendQueue.pushControl(controlMessage(control, this.sessionId));
    this.#host.wake();
  }

  #dropUnsent(reason: DropReason, error: SluiceError): void {
    if (this.#lane === undefined) return;
    const dropped = this.#host.connection.sendQueue.discard(this.#lane, error);
    this.#lane.counters.droppedBy[reason] += dropped;
    this.#totalDown.droppedBy[reason] += dropped;
  }

  #laneOf(session: SimpleSession): SendLane {
    this.#lane ??= new SendLane(this.#host.connection.sendQueue, session.down, () => {
      this.release(
        session,
        'session-closed',
        new SluiceError('INTERNAL', `session "${this.sessionId}" has ended`),
      );
    });
    return this.#lane;
  }

  #refuseOversize(message: DataMessage): void {
    const { maxMessageBytes } = this.#host;
    // The exact size is worth counting only where it may matter.
    if (weightOf(message) * 2 < maxMessageBytes) return;
    const size = messageSize(message);
    if (size <= maxMessageBytes) return;
    throw new SluiceError(
      'MESSAGE_TOO_LARGE',
      `a message of ${size} bytes to the client is larger than the gateway sends ` +
        `(server.maxMessageSize = ${maxMessageBytes} bytes)`,
    );
  }
}
