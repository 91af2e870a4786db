import { tally, type DropReason } from '../../core/counters.js';
import { SluiceError } from '../../core/errors.js';
import { MESSAGE_OVERHEAD_BYTES } from '../../flow/byte-account.js';
import type { Linked } from '../../flow/linked-list.js';
import { smallest, type Size } from '../../flow/window.js';
import {
  controlMessage,
  dataMessage,
  MessageType,
  type Control,
  type DataMessage,
} from '../../wire/messages.js';
import { closedControl, errorControl } from '../control-messages.js';
import { detached } from '../detached-message.js';
import { StreamSession, type SessionSpec, type SessionState } from '../stream-session.js';
import { draining, offence, slowConsumer } from './endings.js';
import { Inbox } from './inbox.js';
import type { Outbox } from './outbox.js';
import { Sender } from './sender.js';
import type { SessionLink } from './session-link.js';
import type { SessionEnding } from './tombstones.js';
import type { ForcedEnd, WindowedHost } from './windowed-host.js';

export interface WindowedSessionSpec extends Omit<SessionSpec, 'now' | 'recent'> {
  readonly host: WindowedHost<WindowedSession>;
  /** 16 bytes. */
  readonly token: Uint8Array;
  readonly attempt: number;
  readonly link: SessionLink;
  /** What the client is prepared to hold. */
  readonly window: Size;
}

/**
 * - open: messages come and go
 * - closing: the client's Close has come: no more data from it, the rest is handled and delivered
 * - ending: the route has ended it: what the client sends is refused, the rest is delivered
 * - closed: nothing happens any more
 */
type Phase = 'open' | 'closing' | 'ending' | 'closed';

/**
 * A session that outlives its connection: numbered and acknowledged in both
 * directions, each within its window; what its client has not acknowledged is
 * kept and sent again after a resume. docs/protocol.md says what is promised.
 */
export class WindowedSession extends StreamSession implements Linked<WindowedSession> {
  /** Its neighbours among the detached sessions. */
  previous: WindowedSession | undefined;
  next: WindowedSession | undefined;
  readonly hears = true;
  readonly token: Uint8Array;
  /** The highest that an Open has brought. */
  attempt: number;
  /** When its last connection was lost, in Clock.now(). */
  detachedAt: number;
  readonly #host: WindowedHost<WindowedSession>;
  readonly #inbox: Inbox;
  readonly #sender: Sender;
  readonly #outbox: Outbox;
  #link: SessionLink | undefined;
  #peer: string;
  #phase: Phase = 'open';
  /** Whether the client has been told Opened: before that it is told nothing else. */
  #greeted = false;
  #draining = false;
  /** Whether the client has sent something again, which asks for the current ack. */
  #repeated = false;
  /** Whether the gateway knows that there may be something for `detachHeld`. */
  #isFresh = false;
  #endReason = '';
  /** When the client last got on, in Clock.now(), while the session waits to be closed. */
  #progressAt: number;
  /** What the accounts hold for it. */
  #accountedBytes = 0;

  /** Throws what the route throws to refuse the session. */
  constructor(spec: WindowedSessionSpec) {
    const { host } = spec;
    super({ ...spec, recent: host.limits.recent, now: host.clock.now() });
    // Times from the start: a 0 that becomes one later has the engine make all sessions anew, and their code.
    this.detachedAt = this.#progressAt = this.createdAt;
    this.#host = host;
    this.token = spec.token;
    this.attempt = spec.attempt;
    const { limits, totals } = host;
    this.#inbox = new Inbox({
      wantsWhole: spec.route.wantsWhole === true,
      maxPayloadBytes: limits.maxPayloadBytes,
      counters: this.up,
      total: totals.up,
    });
    this.#sender = new Sender({
      sessionId: this.sessionId,
      overflow: spec.overflow,
      waiting: limits.waiting,
      maxMessageBytes: limits.maxMessageBytes,
      counters: this.down,
      total: totals.down,
    });
    this.#outbox = this.#sender.outbox;
    this.#inbox.attach(limits.window);
    this.#outbox.attach(0, spec.window);
    this.#link = spec.link;
    this.#peer = spec.link.peer;
    try {
      this.openRoute();
    } catch (error) {
      // The client was told nothing of it: it leaves no record.
      this.#phase = 'closed';
      this.#discard('session-closed', this.endError);
      // The route may have ended it before.
      host.ended(this, undefined, undefined);
      throw error;
    }
  }

  get state(): SessionState {
    if (this.#phase === 'ending') return 'finishing';
    if (this.#phase !== 'closing') return this.#phase;
    return this.#inbox.pending.messages > 0 ? 'closing' : 'finishing';
  }

  get connectionId(): string {
    return this.#link?.connectionId ?? '';
  }

  get peer(): string {
    return this.#peer;
  }

  get attached(): boolean {
    return this.#link !== undefined;
  }

  get inboxLength(): number {
    return this.#inbox.pending.messages;
  }

  get outboxLength(): number {
    return this.#outbox.held.messages;
  }

  /** For whoever shows it: each a live view. */
  get unhandled(): Size {
    return this.#inbox.pending;
  }

  get inFlight(): Size {
    return this.#outbox.inFlight;
  }

  get waiting(): Size {
    return this.#outbox.waiting;
  }

  /** Ranges of sequences that are remembered as lost. */
  get lostRanges(): number {
    return this.#outbox.lostRanges;
  }

  /** Sends of the route that wait for room. */
  get waitingSends(): number {
    return this.#sender.waitingSends;
  }

  /** All that it holds, in both directions, each message with what it takes beside its bytes. */
  get heldBytes(): number {
    return this.#accountedBytes;
  }

  /** Of that, the Errors that the client may not know of. */
  get errorBytes(): number {
    return this.#inbox.errorBytes;
  }

  /** Whether the route has nothing before it, or waits itself for the client's acks. */
  get isHandled(): boolean {
    return this.unfinished === 0 || this.#sender.waitingSends > 0;
  }

  /** Whether neither side has anything to do. */
  get isIdle(): boolean {
    return this.#inbox.pending.messages === 0 && this.#outbox.settled && this.#sender.waitingSends === 0;
  }

  /** Whether `take` would give something. */
  get isSendable(): boolean {
    return this.#outbox.sendable;
  }

  /** Whether something finished has not been acknowledged and now may be, or the client sent again what was. */
  get owesAck(): boolean {
    if (this.#repeated) return true;
    return this.#inbox.finished > this.#inbox.told && !this.#host.account.exceeded;
  }

  // --- what its connection says ---

  /** Data of the client, from the connection that holds it. */
  receive(message: DataMessage, now: number): void {
    if (this.#phase !== 'open' && !this.#mayStillCome(message)) return;
    const waits =
      this.unfinished > 0 ||
      message.more ||
      this.#inbox.pending.messages > 0 ||
      this.#link?.answersBlocked === true;
    const reception = this.#inbox.receive(waits ? detached(message) : message);
    if (reception === 'admitted') {
      this.lastActivity = now;
      this.note(message);
      this.#handleQueued();
      return;
    }
    if (reception === 'duplicate') {
      tally(this.#host.counters.messagesRefused, 'duplicate');
      // The current ack is the answer; many at once share one.
      this.#repeated = true;
      this.#link?.ackLater();
      return;
    }
    this.#fail(offence(reception, message, this.#inbox));
  }

  /** A cumulative ack of the client. */
  acknowledge(ack: number): void {
    if (this.#phase === 'closed') return;
    const { acked } = this.#outbox;
    if (!this.#outbox.ack(ack)) {
      this.#fail(
        new SluiceError(
          'INVALID_MESSAGE',
          `ack ${ack} is above ${this.#outbox.cursor}, the last sequence sent on this connection`,
        ),
      );
      return;
    }
    if (this.#outbox.acked === acked) return;
    this.lastActivity = this.#host.turnMs();
    if (this.#phase !== 'open') this.#progressAt = this.lastActivity;
    this.#roomMade();
    this.#link?.wake();
    this.#closeIfComplete();
    this.#account();
  }

  /** The client has nothing more to say. Idempotent. */
  close(): void {
    if (this.#phase !== 'open') return;
    if (this.#inbox.midPayload) {
      this.#fail(
        new SluiceError(
          'INVALID_MESSAGE',
          `Close within a payload: sequence ${this.#inbox.received} says that it goes on (more)`,
        ),
      );
      return;
    }
    this.#phase = 'closing';
    this.#watchProgress();
    this.#closeIfComplete();
  }

  /** The client changes what it is prepared to hold; a part of 0 stays as it is. */
  changeWindow(change: Size): void {
    this.#outbox.changeWindow(smallest(change, this.#host.limits.maxWindow));
    this.#link?.wake();
  }

  /**
   * Takes what the window lets out into `batch`, with the current ack; see
   * `Lane.take`. All of it counts as sent.
   */
  take(batch: DataMessage[], until: number, maxBytes: number): number {
    const start = batch.length;
    const taken = this.#outbox.take(batch, until, maxBytes, this.#host.turnMs());
    // With nothing to ride on, the ack is still owed.
    if (batch.length > start) this.#ackOn(batch, start);
    this.#roomMade();
    this.#account();
    return taken;
  }

  /** Acknowledges what is finished, if the client does not know it, or asked again. */
  writeAck(): void {
    this.#host.counters.acksSent += 1;
    this.#write(dataMessage({ type: MessageType.ACK, sessionId: this.sessionId, ack: this.#tell() }));
  }

  /** The client is told that it is open, and what it may not know. */
  greet(resumed: boolean): void {
    const inbox = this.#inbox;
    this.#greeted = true;
    // What the route sent at once.
    if (this.#outbox.held.messages > 0) this.#taken();
    this.#write(
      dataMessage({
        type: MessageType.CONTROL,
        sessionId: this.sessionId,
        // No more than before the first Error that is told again: those come before an ack that covers them.
        ack: inbox.ackBeforeErrors,
        control: {
          action: 'opened',
          resumed,
          resumeToken: this.token,
          lastReceivedSequence: inbox.received,
          windowMessages: inbox.granted.messages,
          windowBytes: inbox.granted.bytes,
        },
      }),
    );
    if (resumed) {
      this.#repeatErrors();
      this.#write(dataMessage({ type: MessageType.ACK, sessionId: this.sessionId, ack: inbox.tell() }));
    }
    this.#link?.wake();
    this.resumeHandling();
    this.#closeIfComplete();
  }

  /** Goes on over another connection, from the client's position. False: above what was ever sent. */
  attach(link: SessionLink, position: number, window: Size): boolean {
    this.#leave(
      new SluiceError('TAKEN_OVER', `a newer connection of the client has taken session "${this.sessionId}"`),
    );
    this.#link = link;
    this.#peer = link.peer;
    this.lastActivity = this.now();
    this.#inbox.attach(this.#host.limits.window);
    return this.#outbox.attach(position, window);
  }

  /** It ends over the Open that would have resumed it: behind the Errors that its client may not know of. */
  failResume(error: SluiceError): void {
    this.#repeatErrors();
    this.#fail(error);
  }

  /** Its connection is gone; it waits for its client. */
  detach(): void {
    this.#link = undefined;
    this.detachedAt = this.now();
    this.tellDetached();
    this.resumeHandling();
  }

  /** What was held up by the number of unwritten answers may go on. */
  resumeHandling(): void {
    this.settleInOrder();
    this.#handleQueued();
  }

  // --- what its route says ---

  end(reason = ''): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return;
    this.#phase = 'ending';
    this.#endReason = reason;
    this.#inbox.discard('session-closed');
    this.#sender.forgetUnfinished();
    this.#watchProgress();
    this.#closeIfComplete();
    this.#account();
  }

  // --- what the gateway says ---

  expel(reason: DropReason, error: SluiceError): void {
    this.#finish(reason, error);
  }

  /** Ends without a word to the client: a resume is told that the session is gone. */
  forget(reason: DropReason, error: SluiceError): void {
    if (this.#phase !== 'closed') this.#release(reason, error, undefined, this.#held());
  }

  /** The gateway leaves: the session is closed as soon as it has nothing to do. */
  drain(): void {
    this.#draining = true;
    this.#closeIfComplete();
  }

  /** The time to leave is over: what was never sent is named by a Gap. */
  cut(): void {
    // Before it is written off.
    const held = this.#held();
    const gap = this.#outbox.writeOff('drained');
    if (gap !== undefined && this.#link !== undefined) {
      this.#host.counters.gapsSent += 1;
      this.#write(gap);
    }
    this.#finish('drained', draining(), held);
  }

  /** Whether its client owes acks, and gave none for so long, though the session waits to be closed. */
  isStalled(now: number): boolean {
    if (this.#phase !== 'closing' && this.#phase !== 'ending') return false;
    return !this.#outbox.settled && now - this.#progressAt >= this.#host.limits.resumeWindowMs;
  }

  /** When it could be stalled at the earliest, in Clock.now(). */
  stalledAtMs(now: number): number {
    return (this.#outbox.settled ? now : this.#progressAt) + this.#host.limits.resumeWindowMs;
  }

  /**
   * Lets go of the network's buffers: what was held at the last call, and still is, is copied out of them. Whether
   * there is more.
   */
  detachHeld(): boolean {
    this.#isFresh = this.#outbox.detach();
    return this.#isFresh;
  }

  /** The gateway has room again: what it held back goes on. */
  relieve(): void {
    this.#roomMade();
    if (this.owesAck) this.#link?.ackLater();
    this.#link?.wake();
    this.#account();
  }

  // --- what the base asks of its kind ---

  protected get takesSends(): boolean {
    return this.#phase === 'open' || (this.#phase === 'closing' && this.#inbox.pending.messages > 0);
  }

  protected now(): number {
    return this.#host.clock.now();
  }

  protected stampMs(): number {
    return this.#host.stampMs();
  }

  protected dispatch(message: DataMessage): undefined | Promise<void> {
    this.#noteDebt();
    try {
      const sent = this.#sender.send(message, this.#host.turnMs(), this.#host.account.exceeded);
      switch (sent) {
        case 'collected':
          return undefined;
        case 'taken':
          this.#taken();
          this.#link?.wake();
          return undefined;
        case 'disconnect':
          this.#fail(slowConsumer(this.#outbox));
          throw this.endError;
        default:
          this.#link?.progressed();
          return sent;
      }
    } finally {
      // Whatever became of it: it was taken, waits, is a piece of what is being collected, or was refused with its pieces.
      this.#account();
    }
  }

  protected accepted(): void {
    if (this.#isHandling) this.#inbox.accept();
  }

  protected failed(_message: DataMessage, error: unknown): void {
    if (this.#phase === 'closed') return;
    this.#host.routeFailed(this, error);
    if (!this.#isHandling) return;
    const { code, message, retryAfterMs } = errorControl(error);
    this.#write(controlMessage(this.#inbox.fail(code, message, retryAfterMs), this.sessionId));
  }

  protected kept(): void {
    if (this.isPipelined) this.#inbox.setAside();
    this.#account();
  }

  protected settled(_message: DataMessage, tookMs: number): void {
    this.#host.observeProcessing(tookMs);
  }

  protected goOn(): void {
    if (this.#phase === 'closed') return;
    this.#handleQueued(true);
    this.#link?.progressed();
  }

  protected tell(control: Control): void {
    this.#write(controlMessage(control, this.sessionId));
  }

  protected get answersBlocked(): boolean {
    return this.#link?.answersBlocked === true;
  }

  protected fault(error: unknown): void {
    this.#host.routeFailed(this, error);
  }

  // --- up ---

  get #isHandling(): boolean {
    return this.#phase === 'open' || this.#phase === 'closing';
  }

  /** Whether data may be looked at though the session is no longer open; else it was refused. */
  #mayStillCome(message: DataMessage): boolean {
    if (this.#phase === 'closing') {
      if (message.sequence <= this.#inbox.received) return true;
      this.#fail(new SluiceError('INVALID_MESSAGE', `sequence ${message.sequence} came after Close`));
      return false;
    }
    tally(this.#host.counters.messagesRefused, 'not-open');
    return false;
  }

  /** Hands over what waits, as far as the route and the connection allow. */
  #handleQueued(timed = false): void {
    while (this.takesNext && this.#isHandling && this.#link?.answersBlocked !== true) {
      const message = this.#inbox.handling();
      if (message === undefined) break;
      const startedAt = timed ? this.now() : 0;
      if (this.handOver(message) && timed) this.#host.observeProcessing(this.now() - startedAt);
    }
    if (this.#phase === 'closed') return;
    if (this.owesAck && this.#link !== undefined) {
      if (this.#inbox.ackDue && !this.#host.account.exceeded) this.writeAck();
      else this.#link.ackLater();
    }
    this.#closeIfComplete();
    this.#account();
  }

  /** The current ack, on what was taken. */
  #ackOn(batch: readonly DataMessage[], start: number): void {
    const ack = this.#tell();
    for (let i = start; i < batch.length; i += 1) {
      const message = batch[i];
      if (message === undefined) continue;
      message.ack = ack;
      if (message.control !== undefined) this.#host.counters.gapsSent += 1;
    }
  }

  /** The ack that goes out now. Above the budget none rises: that holds the clients back. */
  #tell(): number {
    this.#repeated = false;
    return this.#host.account.exceeded ? this.#inbox.told : this.#inbox.tell();
  }

  // --- down ---

  /** Something was taken into the outbox. */
  #taken(): void {
    if (this.#isFresh || !this.#greeted) return;
    this.#isFresh = true;
    this.#host.fresh(this);
  }

  /** Takes in the sends that waited for room. */
  #roomMade(): void {
    if (this.#sender.waitingSends === 0 || this.#host.account.exceeded) return;
    this.#noteDebt();
    const outcome = this.#sender.takeWaiting(this.#host.turnMs());
    if (outcome === 'disconnect') this.#fail(slowConsumer(this.#outbox));
    else this.#taken();
  }

  /** Where the session waits to be closed and nothing was owed to the client so far, its time begins now. */
  #noteDebt(): void {
    if (this.#phase !== 'open' && this.#outbox.settled) this.#progressAt = this.now();
  }

  // --- ending ---

  #watchProgress(): void {
    this.#progressAt = this.now();
    this.#host.closing(this);
  }

  #closeIfComplete(): void {
    if (!this.#greeted || this.#phase === 'closed') return;
    const isEnding = this.#phase !== 'open';
    if (!isEnding && !this.#draining) return;
    // Closed has to be written: a detached session waits for its client to come back.
    if (this.#link === undefined || !this.isIdle) return;
    if (isEnding) this.#finish('session-closed', undefined);
    else this.#finish('drained', draining());
  }

  #fail(error: SluiceError): void {
    this.#finish('session-closed', error);
  }

  /** Ends the session and tells the client, now or when it resumes. */
  #finish(reason: DropReason, error: SluiceError | undefined, held = this.#held()): void {
    if (this.#phase === 'closed') return;
    const { errors } = this.#inbox;
    const ack = this.#inbox.finished;
    const closed = closedControl(error, error === undefined ? this.#endReason : error.message);
    this.#write(dataMessage({ type: MessageType.CONTROL, sessionId: this.sessionId, ack, control: closed }));
    this.#release(reason, error, { errors, ack, closed }, held);
  }

  /** Without an error: it was closed as its client or its route asked. */
  #release(
    reason: DropReason,
    error: SluiceError | undefined,
    ending: SessionEnding | undefined,
    held: Omit<ForcedEnd, 'error'>,
  ): void {
    this.#phase = 'closed';
    const cause = error ?? new SluiceError('INTERNAL', `session "${this.sessionId}" has ended`);
    this.#discard(reason, cause);
    this.closeRoute(cause);
    const link = this.#link;
    this.#link = undefined;
    link?.left();
    this.#host.ended(this, ending, error === undefined ? undefined : { error, ...held });
  }

  /** What would be lost if it ended now, and who holds it. */
  #held(): Omit<ForcedEnd, 'error'> {
    const { connectionId } = this;
    return { connectionId, toRoutes: this.inboxLength, toClient: this.#sender.messages };
  }

  #discard(reason: DropReason, error: SluiceError): void {
    this.#inbox.discard(reason);
    this.#inbox.forgetErrors();
    this.#sender.discard(reason, error);
    this.#account();
  }

  /** The connection that held it is told why it does so no more. */
  #leave(error: SluiceError): void {
    const link = this.#link;
    if (link === undefined) return;
    link.write(controlMessage(closedControl(error), this.sessionId));
    this.#link = undefined;
    link.left();
  }

  #repeatErrors(): void {
    for (const error of this.#inbox.errors) this.#write(controlMessage(error, this.sessionId));
  }

  #write(message: DataMessage): void {
    if (this.#greeted) this.#link?.write(message);
  }

  /** Adds to the accounts what has changed. */
  #account(): void {
    const { pending, errorBytes } = this.#inbox;
    const { messages, bytes } = this.#sender;
    const held = pending.bytes + bytes + (pending.messages + messages) * MESSAGE_OVERHEAD_BYTES + errorBytes;
    const change = held - this.#accountedBytes;
    if (change === 0) return;
    this.#accountedBytes = held;
    this.#host.held(this, change);
  }
}
