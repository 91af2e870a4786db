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
  allowsSomewhere: () => true,
};

/** One that waits for its turn. */
interface Waiting {
  readonly message: RouteMessage;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

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
  readonly attached = true;
  readonly overflow = 'block';
  readonly recent: readonly DataMessage[] = [];
  readonly #abort = new AbortController();
  readonly #handler: RouteHandler;
  readonly #wallNow: () => number;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #sequence = 0;
  #busy = false;

  /** Throws what the route throws to refuse it. */
  constructor(route: Route, spec: { sessionId: string; subject: string; wallNow: () => number }) {
    this.sessionId = spec.sessionId;
    this.subject = spec.subject;
    this.#wallNow = spec.wallNow;
    const handler = route.open(this) as Partial<RouteHandler> | undefined;
    if (typeof handler?.handle !== 'function') {
      throw new SluiceError('ROUTE_FAILED', 'open returned no handler: an object with a method handle');
    }
    this.#handler = handler as RouteHandler;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get ended(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Messages that wait, the one that is being handled not among them. */
  get waiting(): number {
    return this.#waiting.size;
  }

  send(): undefined {
    this.signal.throwIfAborted();
  }

  end(reason = 'its route ended it'): void {
    this.fail(new SluiceError('INTERNAL', `session "${this.sessionId}" has ended: ${reason}`));
  }

  fail(error: SluiceError): void {
    if (this.ended) return;
    this.#abort.abort(error);
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
    // Not from within what the route is doing, perhaps its open.
    queueMicrotask(() => {
      this.#closeHandler();
    });
  }

  /**
   * Resolves when the route has accepted it; rejects with what it failed with,
   * what ended the session, or, where it waits for its turn, the signal's reason: it is
   * taken back. So what waits is bounded by who delivers, and holds nothing of who is gone.
   */
  deliver(message: RouteMessage, signal: AbortSignal): Promise<void> {
    if (this.ended) return Promise.reject(this.signal.reason as Error);
    if (!this.#busy) return this.#handle(message);
    return this.#turn(message, signal);
  }

  async #turn(message: RouteMessage, signal: AbortSignal): Promise<void> {
    let giveUp = (): void => undefined;
    const turn = new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { message, resolve, reject };
      this.#waiting.add(waiting);
      giveUp = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason as Error);
      };
    });
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal.aborted) giveUp();
      await turn;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
    await this.#handle(message);
  }

  async #handle({
    data = EMPTY_BYTES,
    metadata,
    key = '',
    more = false,
    ttlMs = 0,
  }: RouteMessage): Promise<void> {
    this.#busy = true;
    this.#sequence += 1;
    try {
      this.signal.throwIfAborted();
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
    } finally {
      this.#next();
    }
  }

  /** Busy until the next one has its turn, so that none comes in between. */
  #next(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#busy = false;
      return;
    }
    this.#waiting.delete(next);
    next.resolve();
  }

  #closeHandler(): void {
    try {
      const closing: unknown = this.#handler.closed?.();
      Promise.resolve(closing).catch(() => undefined);
    } catch {
      // It is over all the same.
    }
  }
}
