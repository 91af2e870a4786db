import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Route, RouteHandler, RouteSession } from '../session/route.js';
import type { DataMessage } from '../wire/messages.js';

/** The longest delay and the most messages one request may ask for. */
const MAX_DELAY_MS = 3_600_000;
const MAX_PRODUCED = 1_000_000;
const MAX_PRODUCED_BYTES = 1 << 20;

/**
 * A route for tests of gateways and clients: each message's metadata says what
 * is done with it. Off unless configured.
 *
 * - `delay-ms: N`   accepted, and echoed, N milliseconds later
 * - `fail: TEXT`    fails with ROUTE_FAILED and this text
 * - `throw: TEXT`   fails with an error that is none of the catalogue's
 * - `produce: N`    answered by N messages (`size: BYTES` each), numbered in metadata `n`
 * - `never: `       never accepted
 * - `end: REASON`   the route ends the session
 * - `recent: `      answered by one message: how many messages of context there are
 * - none of these   echoed
 */
export function conformanceRoute(clock: Clock): Route {
  return {
    kind: 'conformance',
    wantsRecent: true,
    open: (session) => new ConformanceHandler(session, clock),
  };
}

class ConformanceHandler implements RouteHandler {
  readonly #session: RouteSession;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(session: RouteSession, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
  }

  handle(message: DataMessage): undefined | Promise<void> {
    const { metadata } = message;
    if (metadata === undefined) return this.#session.send(message);
    const failure = metadata.get('fail');
    if (failure !== undefined) throw new SluiceError('ROUTE_FAILED', failure);
    const thrown = metadata.get('throw');
    if (thrown !== undefined) throw new Error(thrown);
    if (metadata.has('never')) return new Promise<never>(() => undefined);
    if (metadata.has('produce')) return this.#produce(metadata);
    if (metadata.has('delay-ms')) return this.#delay(message, whole(metadata, 'delay-ms', MAX_DELAY_MS));
    if (metadata.has('recent')) {
      return this.#session.send({ data: new TextEncoder().encode(String(this.#session.recent.length)) });
    }
    const reason = metadata.get('end');
    if (reason === undefined) return this.#session.send(message);
    this.#session.end(reason);
    return undefined;
  }

  closed(): void {
    this.#timer?.cancel();
  }

  async #delay(message: DataMessage, delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#timer = this.#clock.setTimeout(resolve, delayMs);
    });
    await this.#session.send(message);
  }

  async #produce(metadata: ReadonlyMap<string, string>): Promise<void> {
    const count = whole(metadata, 'produce', MAX_PRODUCED);
    const data = new Uint8Array(metadata.has('size') ? whole(metadata, 'size', MAX_PRODUCED_BYTES) : 0);
    for (let n = 1; n <= count; n += 1) {
      await this.#session.send({ data, metadata: new Map([['n', String(n)]]) });
    }
  }
}

function whole(metadata: ReadonlyMap<string, string>, name: string, most: number): number {
  const text = metadata.get(name) ?? '';
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value <= most) return value;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `metadata ${name}: "${text}" is not a whole number from 0 to ${most}`,
  );
}
