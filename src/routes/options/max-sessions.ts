import { SluiceError } from '../../core/errors.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';

/** Given out with a refusal: when to try again, in milliseconds. */
const RETRY_AFTER_MS = 5_000;

/** Refuses sessions over so many. */
export class MaxSessions extends RouteWrapper {
  protected readonly inner: Route;
  readonly #name: string;
  readonly #max: number;
  readonly #counters: RouteCounters;

  constructor(inner: Route, options: { name: string; max: number; counters: RouteCounters }) {
    super();
    this.inner = inner;
    this.#name = options.name;
    this.#max = options.max;
    this.#counters = options.counters;
  }

  /** Throws SESSION_LIMIT. */
  open(session: RouteSession): RouteHandler {
    const counters = this.#counters;
    if (counters.sessions >= this.#max) {
      counters.sessionsRefused += 1;
      throw new SluiceError(
        'SESSION_LIMIT',
        `session "${session.sessionId}" is refused: route "${this.#name}" holds ${counters.sessions} sessions, the most it may (routes.${this.#name}.maxSessions = ${this.#max})`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    // Before it opens: what opens a session of its own route from within is counted, too.
    counters.sessions += 1;
    try {
      const handler = this.openInner(session);
      return wrappedHandler(
        handler,
        (message) => handler.handle(message),
        () => {
          counters.sessions -= 1;
        },
      );
    } catch (error) {
      counters.sessions -= 1;
      throw error;
    }
  }
}
