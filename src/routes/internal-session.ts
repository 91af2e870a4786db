import { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { Route, RouteHandler, RouteMessage, RouteSession } from '../session/route.js';
import { FROM_NOW_ON } from '../session/topic-route.js';
import { EMPTY_BYTES, MessageType, type DataMessage } from '../wire/messages.js';

const CLIENT_ID = 'sluice';

/** The gateway itself: it may do everything. */
const GATEWAY: Identity = {
  clientId: CLIENT_ID,
  method: 'anonymous',
  clientClass: 'default',
  limits: {},
  expiresAtMs: undefined,
  allows: () => true,
};

/**
 * A session that no client holds: the gateway's own messages to a route. What
 * the route sends goes nowhere. One message at a time, in order.
 */
export class InternalSession implements RouteSession {
  readonly clientId = CLIENT_ID;
  readonly identity = GATEWAY;
  readonly sessionId: string;
  readonly subject: string;
  readonly start = FROM_NOW_ON;
  /** Nobody is away who could come back. */
  readonly attached = true;
  readonly overflow = 'block';
  readonly recent: readonly DataMessage[] = [];
  readonly #abort = new AbortController();
  readonly #handler: RouteHandler;
  readonly #wallNow: () => number;
  #sequence = 0;
  #last: Promise<void> = Promise.resolve();

  /** Throws what the route throws to refuse it. */
  constructor(route: Route, spec: { sessionId: string; subject: string; wallNow: () => number }) {
    this.sessionId = spec.sessionId;
    this.subject = spec.subject;
    this.#wallNow = spec.wallNow;
    const handler = route.open(this) as Partial<RouteHandler> | undefined;
    if (typeof handler?.handle !== 'function')
      throw new SluiceError('ROUTE_FAILED', 'open returned no handler');
    this.#handler = handler as RouteHandler;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get ended(): boolean {
    return this.#abort.signal.aborted;
  }

  send(): undefined {
    if (this.ended) throw this.#abort.signal.reason;
  }

  end(reason = 'its route ended it'): void {
    this.fail(new SluiceError('INTERNAL', `session "${this.sessionId}" has ended: ${reason}`));
  }

  fail(error: SluiceError): void {
    if (this.ended) return;
    this.#abort.abort(error);
    // Not from within what the route is doing.
    void this.#last.then(() => this.#handler.closed?.()).catch(() => undefined);
  }

  /**
   * Resolves when the route has accepted it, rejects with what it failed with, or
   * what ended the session. Whoever calls bounds how many wait.
   */
  deliver(message: RouteMessage): Promise<void> {
    const handled = this.#last.then(() => this.#handle(message));
    this.#last = handled.catch(() => undefined);
    return handled;
  }

  async #handle({
    data = EMPTY_BYTES,
    metadata,
    key = '',
    more = false,
    ttlMs = 0,
  }: RouteMessage): Promise<void> {
    this.signal.throwIfAborted();
    this.#sequence += 1;
    await this.#handler.handle({
      type: MessageType.DATA,
      sessionId: this.sessionId,
      sequence: this.#sequence,
      ack: 0,
      timestampMs: this.#wallNow(),
      data,
      metadata,
      key,
      more,
      control: undefined,
      ttlMs,
    });
  }
}
