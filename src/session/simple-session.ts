import type { DropReason, FlowCounters } from '../core/counters.js';
import type { SluiceError } from '../core/errors.js';
import type { Quota } from '../flow/quota.js';
import { RingQueue } from '../flow/ring-queue.js';
import { weightOf, type Control, type DataMessage } from '../wire/messages.js';
import { detached } from './detached-message.js';
import { StreamSession, type SessionSpec, type SessionState } from './stream-session.js';

/** What a session of a simple connection needs of it. */
export interface SimpleSessionPort {
  readonly connectionId: string;
  /** Where its client is. */
  readonly peer: string;
  /** Whether what is sent goes anywhere. Default true. */
  readonly hears?: boolean;
  /** The bound of what waits for the route: shared by the sessions of the connection. */
  readonly receiveQuota: Quota;
  /** Whether so many answers wait unwritten that no further message may be handled. */
  readonly answersBlocked: boolean;
  /** Messages that wait to be sent. */
  readonly unsent: number;
  /** Clock.now() */
  now(): number;
  /** Unix milliseconds, for what is sent; one reading may serve all of a turn. */
  stampMs(): number;
  /** Queues data for the client; see `RouteSession.send`. */
  send(session: SimpleSession, message: DataMessage): undefined | Promise<void>;
  /** Says it to the client. Not called while `answersBlocked`. */
  answer(control: Control): void;
  /** The route failed on this message: tell the client. */
  routeFailed(session: SimpleSession, message: DataMessage, error: unknown): void;
  /** Something that waited has been handled: there may be room to read on. */
  handled(session: SimpleSession): void;
  /** All that came is handled and nothing more is taken: write what waits, then Closed. Called once. */
  drained(session: SimpleSession, reason: string): void;
  /** The session ends at once: drop what waits, for `reason`, and tell the client why. */
  expel(session: SimpleSession, reason: DropReason, error: SluiceError): void;
  /** The route's clean-up failed; the session is over all the same. */
  fault(session: SimpleSession, error: unknown): void;
  /** The time one message took in its route, for messages that were not handled within the turn they came in. */
  observeProcessing(ms: number): void;
}

export interface SimpleSessionSpec extends Omit<SessionSpec, 'now'> {
  readonly port: SimpleSessionPort;
  /** The account of the whole gateway, client to route. */
  readonly totalUp: FlowCounters;
}

/**
 * A session that is private to its simple connection and ends with it: nothing
 * is sequenced or acknowledged; what came and is not handled yet waits in the
 * connection's bounded receive queue.
 */
export class SimpleSession extends StreamSession {
  /** It ends with its connection. */
  readonly #port: SimpleSessionPort;
  readonly #totalUp: FlowCounters;
  readonly #inbox = new RingQueue<DataMessage>();
  #state: SessionState = 'open';
  #endReason = '';

  /** Throws what the route throws to refuse the session. */
  constructor(spec: SimpleSessionSpec) {
    super({ ...spec, now: spec.port.now() });
    this.#port = spec.port;
    this.#totalUp = spec.totalUp;
    try {
      this.openRoute();
    } catch (error) {
      this.#state = 'closed';
      throw error;
    }
  }

  get state(): SessionState {
    return this.#state;
  }

  get connectionId(): string {
    return this.#port.connectionId;
  }

  get peer(): string {
    return this.#port.peer;
  }

  get hears(): boolean {
    return this.#port.hears ?? true;
  }

  get attached(): boolean {
    return this.#state !== 'closed';
  }

  get inboxLength(): number {
    return this.#inbox.length + this.unfinished;
  }

  get outboxLength(): number {
    return this.#port.unsent;
  }

  /** Admits a message of the client. The caller has made sure that the session is open and that there is room. */
  deliver(message: DataMessage, now: number): void {
    const weight = weightOf(message);
    this.lastActivity = now;
    this.up.admitted += 1;
    this.up.admittedBytes += weight;
    this.#totalUp.admitted += 1;
    this.#totalUp.admittedBytes += weight;
    this.note(message);
    if (!this.takesNext || this.#inbox.length > 0 || this.#port.answersBlocked) {
      this.#port.receiveQuota.take(weight);
      this.#inbox.push(detached(message));
      return;
    }
    this.handOver(message);
    // The route may have ended the session meanwhile.
    if (this.#state === 'closing') this.#finishIfDrained();
  }

  /** Handles what waits, as far as the route and the connection allow. */
  pump(): void {
    this.settleInOrder();
    while (this.takesNext && this.#state !== 'closed' && !this.#port.answersBlocked) {
      const message = this.#inbox.shift();
      if (message === undefined) break;
      this.#port.receiveQuota.give(weightOf(message));
      const startedAt = this.now();
      if (this.handOver(message)) this.#port.observeProcessing(this.now() - startedAt);
    }
    // First, for a connection that is owed nothing may end when it hears that all is handled.
    this.#finishIfDrained();
    this.#port.handled(this);
  }

  end(reason = ''): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#endReason = reason;
    this.#finishIfDrained();
  }

  expel(reason: DropReason, error: SluiceError): void {
    if (this.#state !== 'closed') this.#port.expel(this, reason, error);
  }

  /** Ends the session at once, for the port. What waits for the route, or is with it, is dropped for `reason`. */
  close(reason: DropReason, error: SluiceError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    let dropped = this.unfinished;
    for (let message = this.#inbox.shift(); message !== undefined; message = this.#inbox.shift()) {
      this.#port.receiveQuota.give(weightOf(message));
      dropped += 1;
    }
    this.up.droppedBy[reason] += dropped;
    this.#totalUp.droppedBy[reason] += dropped;
    this.closeRoute(error);
  }

  protected get takesSends(): boolean {
    return this.#state !== 'closed' && this.#state !== 'finishing';
  }

  protected tell(control: Control): void {
    if (this.hears) this.#port.answer(control);
  }

  protected get answersBlocked(): boolean {
    return this.#port.answersBlocked;
  }

  protected now(): number {
    return this.#port.now();
  }

  protected stampMs(): number {
    return this.#port.stampMs();
  }

  protected dispatch(message: DataMessage): undefined | Promise<void> {
    return this.#port.send(this, message);
  }

  protected failed(message: DataMessage, error: unknown): void {
    if (this.#state !== 'closed') this.#port.routeFailed(this, message, error);
    this.accepted();
  }

  /** Closed meanwhile, the session has counted the message as dropped. */
  protected accepted(): void {
    if (this.#state === 'closed') return;
    this.up.delivered += 1;
    this.#totalUp.delivered += 1;
  }

  protected kept(message: DataMessage): void {
    this.#port.receiveQuota.take(weightOf(message));
  }

  protected settled(message: DataMessage, tookMs: number): void {
    this.#port.receiveQuota.give(weightOf(message));
    this.#port.observeProcessing(tookMs);
  }

  protected goOn(): void {
    if (this.#state !== 'closed') this.pump();
  }

  protected fault(error: unknown): void {
    this.#port.fault(this, error);
  }

  #finishIfDrained(): void {
    if (this.#state !== 'closing' || this.inboxLength > 0) return;
    this.#state = 'finishing';
    this.#port.drained(this, this.#endReason);
  }
}
