import { isPromise } from '../../core/is-promise.js';
import type { Logger } from '../../core/logger.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';

interface AcknowledgeOptions {
  readonly logger: Logger;
  readonly counters: RouteCounters;
}

/**
 * Accepts a message as soon as its handler has been given it. The next one is
 * given when the handler is done with it, as ever: so of each session at most
 * one message is accepted and not handled.
 */
export class AcknowledgeReceived extends RouteWrapper {
  protected readonly inner: Route;
  readonly #options: AcknowledgeOptions;

  constructor(inner: Route, options: AcknowledgeOptions) {
    super();
    this.inner = inner;
    this.#options = options;
  }

  override get pipelined(): boolean {
    return false;
  }

  open(session: RouteSession): RouteHandler {
    const handler = this.openInner(session);
    /** Resolves, never rejects, when the handler is done with what it has. */
    let busy: Promise<void> | undefined;
    const give = (message: DataMessage): void => {
      const result: unknown = handler.handle(message);
      if (!isPromise(result)) return;
      const done = Promise.resolve(result)
        .then(
          () => undefined,
          (error: unknown) => {
            this.#failed(session, message, error);
          },
        )
        .then(() => {
          if (busy === done) busy = undefined;
        });
      busy = done;
    };
    return wrappedHandler(handler, (message) => {
      if (busy === undefined) {
        give(message);
        return undefined;
      }
      return busy.then(() => {
        // Ended meanwhile, it is dropped, as what waits always is.
        if (!session.signal.aborted) give(message);
      });
    });
  }

  /** Too late to tell its client, but for one that failed at once. */
  #failed(session: RouteSession, message: DataMessage, error: unknown): void {
    if (session.signal.aborted) return;
    const { logger, counters } = this.#options;
    counters.failedAfterAcknowledged += 1;
    logger.warn(
      { err: error, session: `${session.clientId}:${session.sessionId}`, sequence: message.sequence },
      'a message failed after it was acknowledged',
    );
  }
}
