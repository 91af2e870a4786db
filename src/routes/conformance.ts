import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Route, RouteHandler, RouteSession } from '../session/route.js';
import type { DataMessage } from '../wire/messages.js';
import { ConformanceHolds } from './conformance-holds.js';

/** The longest delay and the most messages one request may ask for. */
const MAX_DELAY_MS = 3_600_000;
const MAX_PRODUCED = 1_000_000;
const MAX_PRODUCED_BYTES = 1 << 20;
const MAX_PIECES = 100_000;

export interface ConformanceOptions {
  /** Whether payloads of several messages come joined. Default false: piece by piece. */
  readonly wantsWhole?: boolean;
}

/**
 * A route for tests of gateways and clients: each message's metadata says what
 * is done with it. Off unless configured.
 *
 * First, it may wait:
 *
 * - `delay-ms: N`   N milliseconds
 * - `hold: NAME`    until a message of this or another session says `release: NAME`
 *
 * Then, the first of these that it names:
 *
 * - `fail: TEXT`    fails with ROUTE_FAILED and this text
 * - `throw: TEXT`   fails with an error that is none of the catalogue's
 * - `never: `       never accepted
 * - `release: NAME` lets go what is held by this name; ROUTE_FAILED where nothing is
 * - `produce: N`    answered by N payloads, numbered in metadata `n`; each of `size: BYTES`, in `pieces: P`
 *   messages, with `key: KEY` or one of `keys: K` keys in turn, and `ttl-ms: MS`
 * - `recent: `      answered by one message: how many messages of context there are
 * - `who: `         answered by one message whose metadata names `client`, `session` and `subject`
 * - `end: REASON`   the route ends the session
 * - `accept: `      accepted, and not answered
 * - none of these   echoed
 */
export function conformanceRoute(clock: Clock, options: ConformanceOptions = {}): Route {
  const holds = new ConformanceHolds();
  return {
    kind: 'conformance',
    wantsRecent: true,
    ...options,
    open: (session) => new ConformanceHandler(session, clock, holds),
  };
}

class ConformanceHandler implements RouteHandler {
  readonly #session: RouteSession;
  readonly #clock: Clock;
  readonly #holds: ConformanceHolds;
  #timer: Timer | undefined;
  #letGo: (() => void) | undefined;

  constructor(session: RouteSession, clock: Clock, holds: ConformanceHolds) {
    this.#session = session;
    this.#clock = clock;
    this.#holds = holds;
  }

  handle(message: DataMessage): undefined | Promise<void> {
    const { metadata } = message;
    if (metadata === undefined) return this.#session.send(message);
    if (metadata.has('delay-ms') || metadata.has('hold')) return this.#later(message, metadata);
    return this.#act(message, metadata);
  }

  closed(): void {
    this.#timer?.cancel();
    this.#letGo?.();
  }

  async #later(message: DataMessage, metadata: ReadonlyMap<string, string>): Promise<void> {
    const delayMs = whole(metadata, 'delay-ms', MAX_DELAY_MS, 0);
    const name = metadata.get('hold');
    if (delayMs > 0) {
      await new Promise<void>((resolve) => {
        this.#timer = this.#clock.setTimeout(resolve, delayMs);
      });
    }
    if (name !== undefined) {
      await new Promise<void>((resolve) => {
        this.#letGo = this.#holds.hold(name, resolve);
      });
    }
    await this.#act(message, metadata);
  }

  #act(message: DataMessage, metadata: ReadonlyMap<string, string>): undefined | Promise<void> {
    const session = this.#session;
    const failure = metadata.get('fail');
    if (failure !== undefined) throw new SluiceError('ROUTE_FAILED', failure);
    const thrown = metadata.get('throw');
    if (thrown !== undefined) throw new Error(thrown);
    if (metadata.has('never')) return new Promise<never>(() => undefined);
    const released = metadata.get('release');
    if (released !== undefined) {
      this.#holds.release(released);
      return undefined;
    }
    if (metadata.has('produce')) return this.#produce(metadata);
    if (metadata.has('recent')) {
      return session.send({ data: new TextEncoder().encode(String(session.recent.length)) });
    }
    if (metadata.has('who')) {
      const { clientId, sessionId, subject } = session;
      return session.send({
        metadata: new Map([
          ['client', clientId],
          ['session', sessionId],
          ['subject', subject],
        ]),
      });
    }
    const reason = metadata.get('end');
    if (reason !== undefined) {
      session.end(reason);
      return undefined;
    }
    return metadata.has('accept') ? undefined : session.send(message);
  }

  async #produce(metadata: ReadonlyMap<string, string>): Promise<void> {
    const count = whole(metadata, 'produce', MAX_PRODUCED, 0);
    const pieces = whole(metadata, 'pieces', MAX_PIECES, 1);
    const keys = whole(metadata, 'keys', MAX_PRODUCED, 0);
    const ttlMs = whole(metadata, 'ttl-ms', MAX_DELAY_MS, 0);
    const data = new Uint8Array(whole(metadata, 'size', MAX_PRODUCED_BYTES, 0));
    for (let n = 1; n <= count; n += 1) {
      const key = keys > 0 ? `k${((n - 1) % keys) + 1}` : (metadata.get('key') ?? '');
      for (let piece = 1; piece <= pieces; piece += 1) {
        const more = piece < pieces;
        await this.#session.send({ data, key, ttlMs, more, metadata: new Map([['n', String(n)]]) });
      }
    }
  }
}

/** Throws INVALID_MESSAGE for what is no whole number up to `most`. */
function whole(metadata: ReadonlyMap<string, string>, name: string, most: number, otherwise: number): number {
  const text = metadata.get(name);
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value <= most) return value;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `metadata ${name}: "${text}" is not a whole number from 0 to ${most}`,
  );
}
