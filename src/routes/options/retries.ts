import type { Clock } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import { isPromise } from '../../core/is-promise.js';
import { sleep } from '../../core/sleep.js';
import { type BackoffLimits, fullJitterMs } from '../../flow/backoff.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';

interface RetryOptions {
  /** Attempts after the first. */
  readonly retries: number;
  readonly backoff: BackoffLimits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly counters: RouteCounters;
}

/**
 * Gives a message that its handler failed on to it again, after a while, until
 * that has no sense: the session waits, so its order holds. One at a time, even
 * where the route could take several.
 */
export class Retries extends RouteWrapper {
  protected readonly inner: Route;
  readonly #options: RetryOptions;

  constructor(inner: Route, options: RetryOptions) {
    super();
    this.inner = inner;
    this.#options = options;
  }

  override get pipelined(): boolean {
    return false;
  }

  open(session: RouteSession): RouteHandler {
    const handler = this.openInner(session);
    const again = (message: DataMessage, error: unknown): Promise<void> =>
      this.#again(session, handler, message, error);
    return wrappedHandler(handler, (message) => {
      let result: unknown;
      try {
        result = handler.handle(message);
      } catch (error) {
        return again(message, error);
      }
      if (!isPromise(result)) return undefined;
      return Promise.resolve(result).then(
        () => undefined,
        (error: unknown) => again(message, error),
      );
    });
  }

  /** Rejects with the last failure, or with what ended the session. */
  async #again(
    session: RouteSession,
    handler: RouteHandler,
    message: DataMessage,
    failure: unknown,
  ): Promise<void> {
    const { retries, backoff, clock, random, counters } = this.#options;
    let error = failure;
    for (let failures = 0; failures < retries && isWorthRetrying(error); failures += 1) {
      const waitMs = Math.max(fullJitterMs(failures, backoff, random), askedFor(error, backoff));
      counters.retrying += 1;
      try {
        await sleep(waitMs, clock, session.signal);
      } finally {
        counters.retrying -= 1;
      }
      counters.retries += 1;
      try {
        await handler.handle(message);
        return;
      } catch (next) {
        error = next;
      }
    }
    throw error;
  }
}

/** What says of itself that it will never succeed is believed; what says nothing may be a passing fault. */
function isWorthRetrying(error: unknown): boolean {
  return !(error instanceof SluiceError) || error.entry.retry !== 'never';
}

/** How long the failure asked to be left alone, within what one wait may be. */
function askedFor(error: unknown, { maxMs }: BackoffLimits): number {
  return error instanceof SluiceError ? Math.min(error.retryAfterMs ?? 0, maxMs) : 0;
}
