import { FlowCounters, type DropReason } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Quota } from '../flow/quota.js';
import { RingQueue } from '../flow/ring-queue.js';
import { EMPTY_BYTES, MessageType, weightOf, type DataMessage } from '../wire/messages.js';
import { detached } from './detached-message.js';
import { RecentMessages, type RecentLimits } from './recent-messages.js';
import type { Route, RouteHandler, RouteMessage, RouteSession } from './route.js';

/** What a session needs of the connection it is attached to. */
export interface SessionPort {
  /** The bound of what waits for the route: shared by the sessions of a simple connection. */
  readonly receiveQuota: Quota;
  /** Whether so many answers wait unwritten that no further message may be handled. */
  readonly answersBlocked: boolean;
  /** Clock.now() */
  now(): number;
  /** Unix milliseconds, for what is sent; one reading may serve all of a turn. */
  stampMs(): number;
  /** Queues data for the client; see `RouteSession.send`. */
  send(session: StreamSession, message: DataMessage): undefined | Promise<void>;
  /** The route failed on this message: tell the client. */
  routeFailed(session: StreamSession, message: DataMessage, error: unknown): void;
  /** Something that waited has been handled: there may be room to read on. */
  handled(session: StreamSession): void;
  /** All that came is handled and nothing more is taken: write what waits, then Closed. Called once. */
  drained(session: StreamSession, reason: string): void;
  /** The session ends at once: drop what waits, for `reason`, and tell the client why. */
  expel(session: StreamSession, reason: DropReason, error: SluiceError): void;
  /** The route's clean-up failed; the session is over all the same. */
  fault(session: StreamSession, error: unknown): void;
  /** The time one message took in its route, for messages that were not handled within the turn they came in. */
  observeProcessing(ms: number): void;
}

/**
 * - open: messages come and go
 * - closing: ended by its client or its route; what came is handled, nothing more is taken
 * - finishing: all is handled; what the route sent is written, then Closed
 * - closed: nothing happens any more
 */
export type SessionState = 'open' | 'closing' | 'finishing' | 'closed';

export interface SessionSpec {
  readonly clientId: string;
  readonly sessionId: string;
  readonly subject: string;
  readonly routeName: string;
  readonly route: Route;
  readonly connectionId: string;
  readonly port: SessionPort;
  readonly recent: RecentLimits;
  /** The account of the whole gateway, client to route. */
  readonly totalUp: FlowCounters;
}

/** One logical conversation: hands its messages to its route in order, one at a time, and sends what the route says. */
export class StreamSession implements RouteSession {
  readonly clientId: string;
  readonly sessionId: string;
  readonly subject: string;
  readonly routeName: string;
  readonly connectionId: string;
  readonly createdAt: number;
  lastActivity: number;
  readonly up = new FlowCounters();
  readonly down = new FlowCounters();
  readonly #port: SessionPort;
  readonly #totalUp: FlowCounters;
  readonly #handler: RouteHandler;
  readonly #recent: RecentMessages | undefined;
  readonly #inbox = new RingQueue<DataMessage>();
  #state: SessionState = 'open';
  #endReason = '';
  /** Whether the route has a message it has not accepted yet. */
  #busy = false;
  #sentWhenAsked = 0;
  #abort: AbortController | undefined;
  #closeError: SluiceError | undefined;

  /** Throws what the route throws to refuse the session. */
  constructor(spec: SessionSpec) {
    this.clientId = spec.clientId;
    this.sessionId = spec.sessionId;
    this.subject = spec.subject;
    this.routeName = spec.routeName;
    this.connectionId = spec.connectionId;
    this.#port = spec.port;
    this.#totalUp = spec.totalUp;
    this.createdAt = this.#port.now();
    this.lastActivity = this.createdAt;
    this.#recent = spec.route.wantsRecent === true ? new RecentMessages(spec.recent) : undefined;
    try {
      this.#handler = spec.route.open(this);
    } catch (error) {
      // The route may have kept it: whatever it sends from here on fails.
      this.#state = 'closed';
      this.#closeError = new SluiceError('ROUTE_FAILED', `its route refused session "${this.sessionId}"`);
      this.#abort?.abort(this.#closeError);
      throw error;
    }
  }

  /** `clientID:sessionID`, as it is printed. IDs may hold a colon: never parse it. */
  get name(): string {
    return `${this.clientId}:${this.sessionId}`;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Messages that wait for the route or are being handled by it. */
  get inboxLength(): number {
    return this.#inbox.length + (this.#busy ? 1 : 0);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#state === 'closed') this.#abort.abort(this.#closeError);
    }
    return this.#abort.signal;
  }

  get recent(): readonly DataMessage[] {
    return this.#recent?.messages ?? [];
  }

  /**
   * How long neither side has sent anything, at `now`. What was sent down is
   * only noticed by asking again, so the hot path pays nothing for it.
   */
  idleMs(now: number): number {
    if (this.down.admitted !== this.#sentWhenAsked) {
      this.#sentWhenAsked = this.down.admitted;
      this.lastActivity = now;
    }
    return now - this.lastActivity;
  }

  /** Admits a message of the client. The caller has made sure that the session is open and that there is room. */
  deliver(message: DataMessage, weight: number, now: number): void {
    this.lastActivity = now;
    this.up.admitted += 1;
    this.up.admittedBytes += weight;
    this.#totalUp.admitted += 1;
    this.#totalUp.admittedBytes += weight;
    this.#recent?.note(message);
    if (this.#busy || this.#inbox.length > 0 || this.#port.answersBlocked) {
      this.#port.receiveQuota.take(weight);
      this.#inbox.push(detached(message));
      return;
    }
    this.#handle(message, weight);
    // The route may have ended the session meanwhile.
    if (this.#state === 'closing') this.#finishIfDrained();
  }

  /** Handles what waits, as far as the route and the connection allow. */
  pump(): void {
    while (!this.#busy && this.#state !== 'closed' && !this.#port.answersBlocked) {
      const message = this.#inbox.shift();
      if (message === undefined) break;
      const weight = weightOf(message);
      this.#port.receiveQuota.give(weight);
      const startedAt = this.#port.now();
      if (this.#handle(message, weight)) this.#port.observeProcessing(this.#port.now() - startedAt);
    }
    // First, for a connection that is owed nothing may end when it hears that all is handled.
    this.#finishIfDrained();
    this.#port.handled(this);
  }

  send(fields: RouteMessage): undefined | Promise<void> {
    const { data = EMPTY_BYTES } = fields;
    if (!(data instanceof Uint8Array)) {
      // Only a route in JavaScript can do this; encoded, it would be so many zeros.
      throw new TypeError(
        `data is of type ${typeof data}: send bytes, for example new TextEncoder().encode(text)`,
      );
    }
    if (this.#state === 'closed' || this.#state === 'finishing') {
      throw this.#closeError ?? new SluiceError('INTERNAL', `session "${this.sessionId}" has ended`);
    }
    return this.#port.send(
      this,
      // Spelled out, for speed: the same shape as every other message.
      {
        type: MessageType.DATA,
        sessionId: this.sessionId,
        sequence: 0,
        ack: 0,
        timestampMs: this.#port.stampMs(),
        data,
        metadata: fields.metadata,
        key: fields.key ?? '',
        more: fields.more ?? false,
        control: undefined,
        ttlMs: fields.ttlMs ?? 0,
      },
    );
  }

  end(reason = ''): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#endReason = reason;
    this.#finishIfDrained();
  }

  /** Ends the session at once and tells the client. */
  expel(reason: DropReason, error: SluiceError): void {
    if (this.#state !== 'closed') this.#port.expel(this, reason, error);
  }

  /** Ends the session at once, for the port. What waits for the route, or is with it, is dropped for `reason`. */
  close(reason: DropReason, error: SluiceError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closeError = error;
    let dropped = this.#busy ? 1 : 0;
    for (let message = this.#inbox.shift(); message !== undefined; message = this.#inbox.shift()) {
      this.#port.receiveQuota.give(weightOf(message));
      dropped += 1;
    }
    this.up.droppedBy[reason] += dropped;
    this.#totalUp.droppedBy[reason] += dropped;
    this.#abort?.abort(error);
    this.#tellClosed();
  }

  /** Whatever comes of the route's clean-up, its failure is no fault of the process. */
  #tellClosed(): void {
    const onFault = (fault: unknown): void => {
      this.#port.fault(this, fault);
    };
    try {
      const result: unknown = this.#handler.closed?.();
      if (isPromise(result)) result.then(undefined, onFault);
    } catch (fault) {
      onFault(fault);
    }
  }

  /** Hands a message to the route; whether that was all, or the route has yet to accept it. */
  #handle(message: DataMessage, weight: number): boolean {
    // Busy from here on: a route that ends its session from within still finishes this message first.
    this.#busy = true;
    let result: unknown;
    try {
      result = this.#handler.handle(message);
    } catch (error) {
      this.#failed(message, error);
      this.#accepted();
      return true;
    }
    if (!isPromise(result)) {
      this.#accepted();
      return true;
    }
    this.#port.receiveQuota.take(weight);
    const startedAt = this.#port.now();
    result.then(
      () => {
        this.#settled(weight, startedAt);
      },
      (error: unknown) => {
        this.#failed(message, error);
        this.#settled(weight, startedAt);
      },
    );
    return false;
  }

  #failed(message: DataMessage, error: unknown): void {
    if (this.#state !== 'closed') this.#port.routeFailed(this, message, error);
  }

  /** Closed meanwhile, the session has counted the message as dropped. */
  #accepted(): void {
    this.#busy = false;
    if (this.#state === 'closed') return;
    this.up.delivered += 1;
    this.#totalUp.delivered += 1;
  }

  #settled(weight: number, startedAt: number): void {
    this.#port.receiveQuota.give(weight);
    this.#port.observeProcessing(this.#port.now() - startedAt);
    this.#accepted();
    if (this.#state !== 'closed') this.pump();
  }

  #finishIfDrained(): void {
    if (this.#state !== 'closing' || this.inboxLength > 0) return;
    this.#state = 'finishing';
    this.#port.drained(this, this.#endReason);
  }
}

/** Any library's promise will do; what else a handler may return (an arrow function's value) is no reason to wait. */
function isPromise(result: unknown): result is PromiseLike<unknown> {
  return (
    typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function'
  );
}
