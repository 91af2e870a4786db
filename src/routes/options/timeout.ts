import type { Clock, Timer } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import { isPromise } from '../../core/is-promise.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import { GivenUp, mayGiveUp } from '../given-up.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';

interface TimeoutOptions {
  readonly name: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly counters: RouteCounters;
}

/**
 * Fails a message that its handler has not accepted in time, with ROUTE_TIMEOUT.
 * What the handler still does with it has no effect on it any more; its signal
 * is aborted, and the next message comes.
 */
export class Timeout extends RouteWrapper {
  protected readonly inner: Route;
  readonly #options: TimeoutOptions;

  constructor(inner: Route, options: TimeoutOptions) {
    super();
    this.inner = inner;
    this.#options = options;
  }

  open(session: RouteSession): RouteHandler {
    const handler = this.openInner(session);
    /** Of what is being handled, each one's end: with the session. */
    const open = new Set<(reason: Error) => void>();
    return wrappedHandler(
      handler,
      (message) => this.#handle(handler, message, open),
      () => {
        for (const end of open) end(session.signal.reason as Error);
        open.clear();
      },
    );
  }

  #handle(
    handler: RouteHandler,
    message: DataMessage,
    open: Set<(reason: Error) => void>,
  ): void | Promise<void> {
    const { clock, timeoutMs } = this.#options;
    const givenUp = new GivenUp();
    mayGiveUp(message, givenUp);
    const result: unknown = handler.handle(message);
    if (!isPromise(result)) return undefined;
    let timer: Timer | undefined;
    let end: (reason: Error) => void = () => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      // With the session, too: nobody is told then, but a handler that never returns holds nothing any more.
      end = (reason) => {
        timer?.cancel();
        givenUp.abort(reason);
        reject(reason);
      };
      timer = clock.setTimeout(() => {
        end(this.#timedOut());
      }, timeoutMs);
    });
    open.add(end);
    const done = (): void => {
      timer?.cancel();
      open.delete(end);
    };
    return Promise.race([result, late])
      .finally(done)
      .then(() => undefined);
  }

  #timedOut(): SluiceError {
    const { name, timeoutMs, counters } = this.#options;
    counters.timeouts += 1;
    return new SluiceError(
      'ROUTE_TIMEOUT',
      `route "${name}" has not finished with this message after ${timeoutMs} ms (routes.${name}.timeout)`,
    );
  }
}
