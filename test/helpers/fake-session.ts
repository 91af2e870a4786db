/** A session as a route sees it, without a gateway: what is sent is kept, and may be made to wait. */
import type { SluiceError } from '../../src/core/errors.js';
import type { Route, RouteHandler, RouteMessage, RouteSession } from '../../src/session/route.js';
import { FROM_NOW_ON } from '../../src/session/topic-route.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { anonymousIdentity } from './anonymous-identity.js';

export class FakeSession implements RouteSession {
  readonly clientId = 'ann';
  readonly sessionId = 's1';
  readonly subject = 'tea';
  readonly identity = anonymousIdentity('ann');
  /** Undefined: a session of the gateway's own. */
  peer: string | undefined;
  /** What it was advised to wait for. */
  readonly advised: string[] = [];
  readonly start = FROM_NOW_ON;
  readonly overflow = 'block';
  readonly sent: RouteMessage[] = [];
  recent: readonly DataMessage[] = [];
  readonly attached = true;
  ended: string | undefined;
  failed: SluiceError | undefined;
  /** Sends wait until `take` is called. */
  slow = false;
  readonly handler: RouteHandler;
  readonly #abort = new AbortController();
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #sequence = 0;

  constructor(route: Route, peer?: string) {
    this.peer = peer;
    this.handler = route.open(this);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What was sent, as text. */
  get texts(): readonly string[] {
    return this.sent.map(({ data }) => Buffer.from(data ?? []).toString());
  }

  send(message: RouteMessage): undefined | Promise<void> {
    this.signal.throwIfAborted();
    this.sent.push(message);
    if (!this.slow) return undefined;
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  adviseToWait(retryAfterMs: number, reason: string): void {
    this.advised.push(`${retryAfterMs} ms: ${reason}`);
  }

  end(reason = ''): void {
    this.ended = reason;
  }

  fail(error: SluiceError): void {
    this.failed = error;
  }

  /** The client has taken what waits. */
  take(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }

  /** As the gateway does: the signal first, then the handler, then what waits. */
  close(): void {
    const error = new Error('the session has ended');
    this.#abort.abort(error);
    this.handler.closed?.();
    this.#waiting?.reject(error);
  }

  handle(text: string, fields: Partial<DataMessage> = {}): void | Promise<void> {
    this.#sequence += 1;
    return this.handler.handle(dataMessage({ data: Buffer.from(text), sequence: this.#sequence, ...fields }));
  }
}
