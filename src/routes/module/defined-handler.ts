import { isPromise } from '../../core/is-promise.js';
import { SluiceError } from '../../core/errors.js';
import type { RouteHandler, RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import { givenUpOf } from '../given-up.js';
import { SessionOfModule, type RouteContext } from './module-session.js';
import { Received } from './received-message.js';
import { type ReplySpec, sendReply } from './replies.js';
import type { RouteDefinition } from './route-definition.js';
import { ownError } from './sluice-error.js';

const NOTHING: ReadonlyMap<string, number> = new Map();

/** One session of a defined route: its state, and what it is sending. */
export class DefinedHandler<State> implements RouteHandler {
  readonly #definition: RouteDefinition<State>;
  readonly #session: RouteSession;
  readonly #view: SessionOfModule;
  readonly #context: RouteContext;
  readonly #running = new Set<() => void>();
  /** For messages that nobody gives up. */
  readonly #spec: ReplySpec;
  /** Undefined: it has failed, or is still a promise. */
  #opened: { readonly state: State } | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;

  /** Throws what `open` throws. */
  constructor(definition: RouteDefinition<State>, session: RouteSession, context: RouteContext) {
    this.#definition = definition;
    this.#session = session;
    this.#view = new SessionOfModule(session, context);
    this.#context = context;
    this.#spec = this.#specOf(() => this.#closed);
    try {
      const state = definition.open?.(this.#view);
      if (isPromise(state)) {
        this.#opening = this.#open(state);
        // Perhaps no message comes that would look at it.
        this.#opening.catch(() => undefined);
      } else {
        // Without `open` there is no state, and State is undefined.
        this.#opened = { state: state as State };
      }
    } catch (error) {
      throw ownError(error);
    }
  }

  handle(message: DataMessage): void | Promise<void> {
    return this.#opening === undefined
      ? this.#handle(message)
      : this.#opening.then(() => this.#handle(message));
  }

  aggregates(): ReadonlyMap<string, number> {
    if (this.#opened === undefined) return NOTHING;
    const numbers: unknown = this.#definition.aggregates?.(this.#opened.state, this.#view) ?? NOTHING;
    const isByName = typeof numbers === 'object' && numbers !== null && !(numbers instanceof Map);
    // What it is not is for the session to refuse, as of any route.
    return (isByName ? new Map(Object.entries(numbers)) : numbers) as ReadonlyMap<string, number>;
  }

  closed(): void {
    this.#closed = true;
    for (const stop of this.#running) stop();
    this.#running.clear();
    // What it opens after all is closed then.
    if (this.#opening === undefined) this.#close();
  }

  #close(): void {
    if (this.#opened === undefined) return;
    const { logger } = this.#view;
    const closing = this.#definition.close?.(this.#opened.state, this.#view);
    if (!isPromise(closing)) return;
    closing.then(undefined, (error: unknown) => {
      logger.warn({ err: error }, 'close of a route failed');
    });
  }

  async #open(opening: Promise<State>): Promise<void> {
    try {
      this.#opened = { state: await opening };
      this.#opening = undefined;
      if (this.#closed) this.#close();
    } catch (error) {
      const own = ownError(error);
      const isKnown = own instanceof SluiceError;
      if (!isKnown) this.#view.logger.warn({ err: own }, 'open of a route failed');
      if (!this.#closed)
        this.#session.fail(
          isKnown ? own : new SluiceError('ROUTE_FAILED', 'its route could not open the session'),
        );
      throw own;
    }
  }

  #specOf(over: () => boolean): ReplySpec {
    return { session: this.#session, clock: this.#context.clock, over, running: this.#running };
  }

  #handle(message: DataMessage): void | Promise<void> {
    if (this.#closed || this.#opened === undefined) return undefined;
    const givenUp = givenUpOf(message);
    const received = new Received(message, this.#session, givenUp);
    const spec = givenUp === undefined ? this.#spec : this.#specOf(() => this.#closed || givenUp.aborted);
    let sent: void | Promise<void>;
    try {
      sent = sendReply(this.#definition.message(received, this.#view, this.#opened.state), spec);
    } catch (error) {
      throw ownError(error);
    }
    return isPromise(sent) ? sent.then(undefined, rethrown) : undefined;
  }
}

function rethrown(error: unknown): never {
  throw ownError(error);
}
