import { SluiceError } from '../../core/errors.js';
import { isPromise } from '../../core/is-promise.js';
import { metadataMap, type OutgoingFields } from '../../session/outgoing-message.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import { bytesOf } from '../../wire/sendable.js';
import { givenUpOf, mayGiveUp } from '../given-up.js';
import { Received, type ReceivedMessage } from '../module/received-message.js';
import { type SessionView, ViewedSession } from '../module/session-view.js';
import { ownError } from '../module/sluice-error.js';
import { both, RouteWrapper, wrappedHandler } from '../route-wrapper.js';
import type { Middleware } from './middleware.js';

/** What is put around a route. Each function goes on by `next`; what is left out just goes on. */
export interface MiddlewareDefinition {
  /** A session opens. Throw, before `next` or after, to refuse it. */
  open?(session: SessionView, next: () => void): void;
  /**
   * One message. `next()` gives it to the route and, where that takes its time,
   * returns a promise: return or await it. `next({ data })` gives it with what
   * is named replaced. Without `next` it counts as handled. A throw fails it.
   */
  message?(
    message: ReceivedMessage,
    session: SessionView,
    next: (changes?: OutgoingFields) => void | Promise<void>,
  ): void | Promise<void>;
  /** The session has ended. */
  close?(session: SessionView): void;
}

/** Middleware of functions: for `routes.<name>.middleware`, `defineRoute` and `GatewayOptions.middleware`. */
export function defineMiddleware(definition: MiddlewareDefinition): Middleware {
  for (const [name, value] of Object.entries(definition)) {
    if (name !== 'open' && name !== 'message' && name !== 'close') {
      throw new TypeError(`defineMiddleware: ${name} is none of open, message and close`);
    }
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`defineMiddleware: ${name} is not a function`);
    }
  }
  return (route, { name }) => new DefinedMiddleware(route, definition, name);
}

class DefinedMiddleware extends RouteWrapper {
  protected readonly inner: Route;
  readonly #definition: MiddlewareDefinition;
  readonly #routeName: string;

  constructor(inner: Route, definition: MiddlewareDefinition, routeName: string) {
    super();
    this.inner = inner;
    this.#definition = definition;
    this.#routeName = routeName;
  }

  open(session: RouteSession): RouteHandler {
    const definition = this.#definition;
    const view = new ViewedSession(session, this.#routeName);
    const handler = this.#open(session, view);
    const handle =
      definition.message === undefined
        ? (message: DataMessage) => handler.handle(message)
        : (message: DataMessage) => this.#message(handler, message, session, view);
    return wrappedHandler(handler, handle, () => definition.close?.(view));
  }

  #open(session: RouteSession, view: SessionView): RouteHandler {
    let handler: RouteHandler | undefined;
    let isOver = false;
    if (this.#definition.open === undefined) return this.openInner(session);
    try {
      const next = (): void => {
        if (handler !== undefined) throw new Error('open of a middleware called next twice');
        // Refused meanwhile: nobody would ever close it.
        if (isOver) throw new Error('open of a middleware called next after it had returned');
        handler = this.openInner(session);
      };
      const definition = this.#definition as { open(session: SessionView, next: () => void): unknown };
      const result = definition.open(view, next);
      if (isPromise(result)) {
        result.then(undefined, nothing);
        throw new Error('open of a middleware returned a promise: a session opens at once, or not at all');
      }
      if (handler !== undefined) return handler;
    } catch (error) {
      // The route has it open already: it is to know that it is not.
      quiet(handler?.closed?.bind(handler));
      throw ownError(error);
    } finally {
      isOver = true;
    }
    throw new SluiceError('ROUTE_FAILED', 'open of a middleware neither called next nor said why not');
  }

  #message(
    handler: RouteHandler,
    message: DataMessage,
    session: RouteSession,
    view: SessionView,
  ): void | Promise<void> {
    let called = false;
    /** What the route makes of it. */
    let given: void | Promise<void> = undefined;
    const next = (changes?: OutgoingFields): void | Promise<void> => {
      if (called) throw new Error('message of a middleware called next twice');
      called = true;
      given = handler.handle(changes === undefined ? message : changed(message, changes));
      // A middleware that does not look at it must not make it nobody's.
      if (isPromise(given)) given.then(nothing, nothing);
      return given;
    };
    const received = new Received(message, session, givenUpOf(message));
    try {
      const result: unknown = this.#definition.message?.(received, view, next);
      if (isPromise(result)) {
        // The next one comes when the route is done with this one, awaited or not.
        return Promise.resolve(result).then(
          () => (isPromise(given) ? given.then(nothing, nothing) : undefined),
          rethrown,
        );
      }
      // Called and not returned: it is what became of the message all the same.
      return given;
    } catch (error) {
      throw ownError(error);
    }
  }
}

function nothing(): void {
  // Of what is over.
}

/** Calls it; whatever comes of it is over. */
function quiet(act: (() => unknown) | undefined): void {
  const result = both(() => act?.(), nothing);
  if (isPromise(result)) result.then(undefined, nothing);
}

function rethrown(error: unknown): never {
  throw ownError(error);
}

/** The message with what is named replaced; given up with the one that it was. */
function changed(message: DataMessage, { data, metadata, ...others }: OutgoingFields): DataMessage {
  const made: DataMessage = {
    ...message,
    ...others,
    ...(data !== undefined && { data: bytesOf(data) }),
    ...(metadata !== undefined && { metadata: metadataMap(metadata) }),
  };
  const givenUp = givenUpOf(message);
  if (givenUp !== undefined) mayGiveUp(made, givenUp);
  return made;
}
