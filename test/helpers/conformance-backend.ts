/** The conformance route's handler as a backend: what a session's messages ask for is done behind SessionService. */
import type { Clock } from '../../src/core/clock.js';
import { conformanceRoute } from '../../src/routes/conformance.js';
import { errorControl } from '../../src/session/control-messages.js';
import type { Route, RouteHandler, RouteMessage, RouteSession } from '../../src/session/route.js';
import { FROM_NOW_ON } from '../../src/session/topic-route.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { anonymousIdentity } from './anonymous-identity.js';
import type { BackendCall, BackendMessage, Behaviour } from './session-backend.js';

/** As many as the gateway's routes are given (session.recentMessages). */
const RECENT = 32;

export function conformanceBackend(clock: Clock): Behaviour {
  const route = conformanceRoute(clock);
  return (call) => {
    let session: BackendSide | undefined;
    const own = (): BackendSide => (session ??= new BackendSide(call, route));
    return {
      message: (message) => {
        own().take(message);
      },
      end: () => {
        session?.closed();
        call.stream.end();
      },
      gone: () => session?.closed(),
    };
  };
}

/** One session, served one message at a time. */
class BackendSide implements RouteSession {
  readonly clientId: string;
  readonly sessionId: string;
  readonly subject: string;
  readonly identity;
  readonly start = FROM_NOW_ON;
  readonly overflow = 'block';
  readonly attached = true;
  readonly recent: DataMessage[] = [];
  readonly #call: BackendCall;
  readonly #handler: RouteHandler;
  readonly #abort = new AbortController();
  readonly #queue: BackendMessage[] = [];
  #busy = false;

  constructor(call: BackendCall, route: Route) {
    const metadata = call.received[0]?.metadata ?? {};
    this.#call = call;
    this.clientId = metadata['client-id'] ?? '';
    this.sessionId = metadata['session-id'] ?? '';
    this.subject = call.open.subject;
    this.identity = anonymousIdentity(this.clientId);
    this.#handler = route.open(this);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  take(message: BackendMessage): void {
    this.#queue.push(message);
    if (!this.#busy) void this.#serve();
  }

  closed(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#handler.closed?.();
  }

  send(message: RouteMessage): undefined | Promise<void> {
    if (this.#abort.signal.aborted) throw new Error('the session has ended');
    const { data = new Uint8Array(0), key = '', more = false, ttlMs = 0, metadata } = message;
    const hasRoom = this.#call.write({
      type: 'MESSAGE_TYPE_DATA',
      data,
      key,
      more,
      ttlMs,
      metadata: Object.fromEntries(metadata ?? []),
    });
    if (hasRoom) return undefined;
    const { stream } = this.#call;
    return new Promise((resolve) => {
      const go = (): void => {
        stream.off('drain', go);
        this.#abort.signal.removeEventListener('abort', go);
        resolve();
      };
      stream.on('drain', go);
      this.#abort.signal.addEventListener('abort', go);
    });
  }

  end(reason = ''): void {
    this.#call.write({ type: 'MESSAGE_TYPE_CONTROL', control: { closed: { code: '', reason } } });
  }

  fail(error: Error): void {
    throw error;
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    for (let each = this.#queue.shift(); each !== undefined; each = this.#queue.shift()) {
      const { sequence } = each;
      const message = asMessage(each);
      this.recent.push(message);
      if (this.recent.length > RECENT) this.recent.shift();
      try {
        await this.#handler.handle(message);
        this.#call.ack(sequence);
      } catch (error) {
        const { code, message: text } = errorControl(error);
        this.#call.fail(sequence, code, text);
      }
    }
    this.#busy = false;
  }
}

function asMessage({ data, key, more, ttlMs, metadata, sequence }: BackendMessage): DataMessage {
  const entries = Object.entries(metadata);
  return dataMessage({
    data,
    key,
    more,
    ttlMs,
    sequence,
    ...(entries.length > 0 && { metadata: new Map(entries) }),
  });
}
