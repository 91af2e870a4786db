import { SluiceError } from '../core/errors.js';
import { isPromise } from '../core/is-promise.js';
import type { Overflow, Route, RouteHandler, RouteSession } from '../session/route.js';
import type { TopicRoute } from '../session/topic-route.js';
import type { DataMessage } from '../wire/messages.js';

/**
 * A route around another: everything is the inner one's, asked each time (what a
 * module says is known only when it is loaded), save what a subclass makes its own.
 */
export abstract class RouteWrapper implements Route {
  protected abstract readonly inner: Route;

  get kind(): string {
    return this.inner.kind;
  }

  get wantsRecent(): boolean {
    return this.inner.wantsRecent ?? false;
  }

  get wantsWhole(): boolean {
    return this.inner.wantsWhole ?? false;
  }

  get overflow(): Overflow {
    return this.inner.overflow ?? 'block';
  }

  get allowedOverflow(): readonly Overflow[] | undefined {
    return this.inner.allowedOverflow;
  }

  get pipelined(): boolean {
    return this.inner.pipelined ?? false;
  }

  get topic(): TopicRoute | undefined {
    return this.inner.topic;
  }

  async start(): Promise<void> {
    await this.inner.start?.();
  }

  stop(): void {
    this.inner.stop?.();
  }

  abstract open(session: RouteSession): RouteHandler;

  /** Opens the inner route. Throws what it throws, and ROUTE_FAILED where it returns no handler. */
  protected openInner(session: RouteSession): RouteHandler {
    // Only a route in JavaScript can give nothing, or something else.
    const handler = this.inner.open(session) as Partial<RouteHandler> | undefined;
    if (typeof handler?.handle === 'function') return handler as RouteHandler;
    throw new SluiceError('ROUTE_FAILED', 'open returned no handler: an object with a method handle');
  }
}

/**
 * A handler that handles in its own way, and is the inner one in all else.
 * `closed` comes before the inner one's, and whatever it throws, that comes.
 */
export function wrappedHandler(
  inner: RouteHandler,
  handle: (message: DataMessage) => void | Promise<void>,
  closed?: () => unknown,
): RouteHandler {
  return {
    handle,
    aggregates: () => inner.aggregates?.() ?? new Map(),
    detached: () => inner.detached?.(),
    closed() {
      const theirs = (): unknown => inner.closed?.();
      // What a handler in JavaScript returns, a promise, is for the session to look at.
      return (closed === undefined ? theirs() : both(closed, theirs)) as undefined;
    },
  };
}

/** Both are called, whatever the first does; a promise where one of them returned one, or threw. */
export function both(first: () => unknown, second: () => unknown): unknown {
  const results = [first, second].map((act): unknown => {
    try {
      return act();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  });
  return results.some(isPromise) ? Promise.all(results) : undefined;
}
