import { FlowCounters, type DropReason } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { isPromise } from '../core/is-promise.js';
import { EMPTY_BYTES, MessageType, type Control, type DataMessage } from '../wire/messages.js';
import { detached } from './detached-message.js';
import { Pipeline, type Failure, type UnderWay } from './pipeline.js';
import { RecentMessages, type RecentLimits } from './recent-messages.js';
import type { Overflow } from './overflow.js';
import type { Route, RouteHandler, RouteMessage, RouteSession } from './route.js';
import type { TopicStart } from './topic-route.js';

/**
 * - open: messages come and go
 * - closing: ended by its client or its route; what came is handled, nothing more is taken
 * - finishing: all is handled; what the route sent is delivered, then Closed
 * - closed: nothing happens any more
 */
export type SessionState = 'open' | 'closing' | 'finishing' | 'closed';

export interface SessionSpec {
  readonly identity: Identity;
  readonly sessionId: string;
  readonly subject: string;
  readonly start: TopicStart;
  readonly overflow: Overflow;
  readonly routeName: string;
  readonly route: Route;
  readonly recent: RecentLimits;
  /** Clock.now() */
  readonly now: number;
}

/**
 * One logical conversation. What is the same for all kinds of them: who it is,
 * its accounts, and its route, which is given one message at a time, or, where
 * it is pipelined, several that count in their order. How messages come to be
 * handed over, and what becomes of those that the route sends, is the kind's.
 */
export abstract class StreamSession implements RouteSession {
  readonly clientId: string;
  /** Of its connection; while it waits for one, of the last. Refreshed tokens and resumes change it, never the client ID. */
  identity: Identity;
  readonly sessionId: string;
  readonly subject: string;
  readonly start: TopicStart;
  readonly overflow: Overflow;
  readonly routeName: string;
  readonly createdAt: number;
  lastActivity: number;
  readonly up = new FlowCounters();
  readonly down = new FlowCounters();
  readonly #route: Route;
  readonly #recent: RecentMessages | undefined;
  #handler: RouteHandler | undefined;
  /** Of a pipelined route: what it has and has not finished at once. */
  readonly #pipeline: Pipeline | undefined;
  #unfinished = 0;
  #sentWhenAsked = 0;
  #abort: AbortController | undefined;
  #closeError: SluiceError | undefined;

  constructor(spec: SessionSpec) {
    this.clientId = spec.identity.clientId;
    this.identity = spec.identity;
    this.sessionId = spec.sessionId;
    this.subject = spec.subject;
    this.start = spec.start;
    this.overflow = spec.overflow;
    this.routeName = spec.routeName;
    this.createdAt = spec.now;
    this.lastActivity = spec.now;
    this.#route = spec.route;
    this.#pipeline = spec.route.pipelined === true ? new Pipeline() : undefined;
    this.#recent = spec.route.wantsRecent === true ? new RecentMessages(spec.recent) : undefined;
  }

  /** `clientID:sessionID`, as it is printed. IDs may hold a colon: never parse it. */
  get name(): string {
    return `${this.clientId}:${this.sessionId}`;
  }

  /** Whether its client may hold it, by the permissions of `identity`. */
  coveredBy(identity: Identity): boolean {
    return identity.allows('open', this.routeName, this.subject);
  }

  abstract get state(): SessionState;

  /** The connection that holds it; "" while it is detached. */
  abstract get connectionId(): string;

  /** The address of that connection; while it is detached, of the last. */
  abstract get peer(): string;

  abstract get attached(): boolean;

  /** Whether what is sent goes anywhere. */
  abstract get hears(): boolean;

  /** Messages that wait for the route or are being handled by it. */
  abstract get inboxLength(): number;

  /** Messages held for the client. */
  abstract get outboxLength(): number;

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.state === 'closed') this.#abort.abort(this.#closeError);
    }
    return this.#abort.signal;
  }

  get recent(): readonly DataMessage[] {
    return this.#recent?.messages ?? [];
  }

  /**
   * How long neither side has sent anything, at `now`. What was sent down is
   * noticed by `noticeSends` only, so the hot path pays nothing for it.
   */
  idleMs(now: number): number {
    return now - this.lastActivity;
  }

  /** Counts what was sent since the last time as activity. */
  noticeSends(now: number): void {
    if (this.down.admitted === this.#sentWhenAsked) return;
    this.#sentWhenAsked = this.down.admitted;
    this.lastActivity = now;
  }

  send(fields: RouteMessage): undefined | Promise<void> {
    const { data = EMPTY_BYTES } = fields;
    if (!(data instanceof Uint8Array)) {
      // Only a route in JavaScript can do this; encoded, it would be so many zeros.
      throw new TypeError(
        `data is of type ${typeof data}: send bytes, for example new TextEncoder().encode(text)`,
      );
    }
    if (!this.takesSends) throw this.endError;
    return this.dispatch(
      // Spelled out, for speed: the same shape as every other message.
      {
        type: MessageType.DATA,
        sessionId: this.sessionId,
        sequence: 0,
        ack: 0,
        timestampMs: this.stampMs(),
        data,
        metadata: fields.metadata,
        key: fields.key ?? '',
        more: fields.more ?? false,
        control: undefined,
        ttlMs: fields.ttlMs ?? 0,
      },
    );
  }

  adviseToWait(retryAfterMs: number, reason: string): void {
    // Who takes no answers takes no advice.
    if (this.state !== 'open' || this.answersBlocked) return;
    this.tell({ action: 'throttle', retryAfterMs: Math.ceil(retryAfterMs), scope: 'session', reason });
  }

  abstract end(reason?: string): void;

  fail(error: SluiceError): void {
    this.expel('session-closed', error);
  }

  /** Ends the session at once, wherever it is, and tells the client. */
  abstract expel(reason: DropReason, error: SluiceError): void;

  /** Whether the route may still send. */
  protected abstract get takesSends(): boolean;
  /** Unix milliseconds, for what is sent. */
  protected abstract stampMs(): number;
  /** Clock.now() */
  protected abstract now(): number;
  /** What the route sent is on its way. */
  protected abstract dispatch(message: DataMessage): undefined | Promise<void>;
  /** The route is done with the message. */
  protected abstract accepted(message: DataMessage): void;
  /** The route is done with the message: it failed on it. */
  protected abstract failed(message: DataMessage, error: unknown): void;
  /** The route keeps the message beyond the turn it came in. */
  protected abstract kept(message: DataMessage): void;
  /** What it had kept is done, accepted or failed, or the session is over; it took so long. */
  protected abstract settled(message: DataMessage, tookMs: number): void;
  /** Something that was kept is settled: there may be room for more. The session may be over. */
  protected abstract goOn(): void;
  /** Says it to the client, if it is there. */
  protected abstract tell(control: Control): void;
  /** Whether so many answers wait unwritten that none may be added. */
  protected abstract get answersBlocked(): boolean;
  /** The route's clean-up failed; the session is over all the same. */
  protected abstract fault(error: unknown): void;

  /** Why nothing can be sent any more. */
  protected get endError(): SluiceError {
    return this.#closeError ?? new SluiceError('INTERNAL', `session "${this.sessionId}" has ended`);
  }

  /** What the route has computed over an upload; none where it computes nothing, or failed to. */
  get aggregates(): ReadonlyMap<string, number> {
    try {
      return asAggregates(this.#handler?.aggregates?.());
    } catch (fault) {
      this.fault(fault);
      return NO_AGGREGATES;
    }
  }

  /** Messages that the route has, and that do not count as accepted or failed yet. */
  protected get unfinished(): number {
    return this.#unfinished;
  }

  /** Whether the next message may be handed over. */
  protected get takesNext(): boolean {
    return this.#unfinished === 0 || this.#pipeline?.isBusy === false;
  }

  protected get isPipelined(): boolean {
    return this.#pipeline !== undefined;
  }

  /** Gives the session to its route, as the last step of construction. Throws what the route throws to refuse it. */
  protected openRoute(): void {
    try {
      this.#handler = asHandler(this.#route.open(this), this.routeName);
      // What it sent at once may have ended the session: it had no handler to be told with.
      if (this.state === 'closed') this.#tellClosed();
    } catch (error) {
      // The route may have kept it: whatever it sends from here on fails.
      this.closeRoute(
        new SluiceError('ROUTE_FAILED', `its route refused session "${this.sessionId}"`),
        'refused',
      );
      throw error;
    }
  }

  /** Notes a message of the client for routes that want context. */
  protected note(message: DataMessage): void {
    this.#recent?.note(message);
  }

  /** Hands a message to the route; whether that was all, or the route has yet to accept it. */
  protected handOver(message: DataMessage): boolean {
    if (this.#pipeline !== undefined) return this.#handOverBeside(message, this.#pipeline);
    // Unfinished from here on: a route that ends its session from within still finishes this message first.
    this.#unfinished = 1;
    let promise: Promise<unknown> | undefined;
    try {
      const result: unknown = this.#handler?.handle(message);
      // Any library's will do, and what is wrong with it is the route's failure: Promise.resolve sees to both.
      if (isPromise(result)) promise = Promise.resolve(result);
    } catch (error) {
      this.#unfinished = 0;
      this.failed(message, error);
      return true;
    }
    if (promise === undefined) {
      this.#unfinished = 0;
      this.accepted(message);
      return true;
    }
    this.kept(message);
    const startedAt = this.now();
    promise.then(
      () => {
        this.#unfinished = 0;
        this.accepted(message);
        this.#keptIsDone(message, startedAt);
      },
      (error: unknown) => {
        this.#unfinished = 0;
        this.failed(message, error);
        this.#keptIsDone(message, startedAt);
      },
    );
    return false;
  }

  /** Lets count what is done, as far as all before it is, and as its Error can be told. Whether there was something. */
  protected settleInOrder(): boolean {
    const pipeline = this.#pipeline;
    let first = pipeline?.first;
    if (pipeline === undefined || first === undefined) return false;
    for (; first !== undefined; first = pipeline.first) {
      // A window of failures at once would be as many answers: they wait for room as what is not handled does.
      if (first.failure !== undefined && this.answersBlocked) break;
      pipeline.shift();
      this.#unfinished -= 1;
      this.#count(first.message, first.failure);
      this.settled(first.message, first.tookMs);
    }
    return true;
  }

  /** Its client is gone for now. */
  protected tellDetached(): void {
    try {
      this.#handler?.detached?.();
    } catch (fault) {
      this.fault(fault);
    }
  }

  /** The session is over: its sends fail with `error` from here on, its route is told. */
  protected closeRoute(error: SluiceError, how: 'ended' | 'refused' = 'ended'): void {
    this.#closeError = error;
    this.#abort?.abort(error);
    // What is done waits for nothing any more; what is not settles by itself.
    for (const done of this.#pipeline?.clear() ?? []) this.#letGo(done);
    if (how === 'ended') this.#tellClosed();
  }

  #keptIsDone(message: DataMessage, startedAt: number): void {
    this.settled(message, this.now() - startedAt);
    this.goOn();
  }

  /** As `handOver`, beside what the route has not finished. */
  #handOverBeside(given: DataMessage, pipeline: Pipeline): boolean {
    // Of several only the first may keep the chunk of the network that it came in.
    const message = this.#unfinished > 0 ? detached(given) : given;
    this.#unfinished += 1;
    pipeline.isBusy = true;
    let promise: Promise<unknown> | undefined;
    let failure: Failure | undefined;
    try {
      const result: unknown = this.#handler?.handle(message);
      if (isPromise(result)) promise = Promise.resolve(result);
    } catch (error) {
      failure = { error };
    }
    pipeline.isBusy = false;
    if (promise === undefined && this.#unfinished === 1) {
      this.#unfinished = 0;
      this.#count(message, failure);
      return true;
    }
    this.kept(message);
    const one = pipeline.add(message, this.now());
    if (promise === undefined) this.#done(one, failure);
    else {
      promise.then(
        () => {
          this.#done(one, undefined);
        },
        (error: unknown) => {
          this.#done(one, { error });
        },
      );
    }
    return false;
  }

  /** Counts when all before it do; nothing counts when the session is over. */
  #done(one: UnderWay, failure: Failure | undefined): void {
    one.tookMs = this.now() - one.startedAt;
    if (this.state === 'closed') {
      this.#letGo(one);
      return;
    }
    one.isDone = true;
    one.failure = failure;
    if (this.settleInOrder()) this.goOn();
  }

  #count(message: DataMessage, failure: Failure | undefined): void {
    if (failure === undefined) this.accepted(message);
    else this.failed(message, failure.error);
  }

  #letGo({ message, tookMs }: UnderWay): void {
    this.#unfinished -= 1;
    this.settled(message, tookMs);
  }

  /** Whatever comes of the route's clean-up, its failure is no fault of the process. */
  #tellClosed(): void {
    const onFault = (fault: unknown): void => {
      this.fault(fault);
    };
    try {
      const result: unknown = this.#handler?.closed?.();
      if (isPromise(result)) result.then(undefined, onFault);
    } catch (fault) {
      onFault(fault);
    }
  }
}

const NO_AGGREGATES: ReadonlyMap<string, number> = new Map();
/** As the wire has it: proto/sluice/v1/stream.proto, IngestSummary. */
const MAX_AGGREGATES = 64;

/** Only a route in JavaScript can give anything else, which is its fault. */
function asAggregates(given: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, number> {
  if (given === undefined) return NO_AGGREGATES;
  const aggregates = new Map<string, number>();
  for (const [name, value] of given) {
    if (typeof name !== 'string' || typeof value !== 'number') {
      throw new TypeError('aggregates of a route are numbers by name: a Map of string to number');
    }
    if (aggregates.size === MAX_AGGREGATES) {
      throw new RangeError(`aggregates of a route are at most ${MAX_AGGREGATES}`);
    }
    aggregates.set(name, value);
  }
  return aggregates;
}

/** Only a route in JavaScript can give nothing, or something else: whatever it was sent would count as accepted. */
function asHandler(handler: RouteHandler | undefined, routeName: string): RouteHandler {
  if (typeof handler?.handle === 'function') return handler;
  throw new SluiceError(
    'ROUTE_FAILED',
    `open of route "${routeName}" returned no handler: an object with a method handle`,
  );
}
