import { SluiceError } from '../../core/errors.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';

/** Fails messages whose payload, as the route would be given it, is larger. */
export class MaxMessageSize extends RouteWrapper {
  protected readonly inner: Route;
  readonly #name: string;
  readonly #maxBytes: number;
  readonly #counters: RouteCounters;

  constructor(inner: Route, options: { name: string; maxBytes: number; counters: RouteCounters }) {
    super();
    this.inner = inner;
    this.#name = options.name;
    this.#maxBytes = options.maxBytes;
    this.#counters = options.counters;
  }

  open(session: RouteSession): RouteHandler {
    const handler = this.openInner(session);
    return wrappedHandler(handler, (message) => {
      const { byteLength } = message.data;
      if (byteLength <= this.#maxBytes) return handler.handle(message);
      this.#counters.messagesTooLarge += 1;
      throw new SluiceError(
        'MESSAGE_TOO_LARGE',
        `the payload has ${byteLength} bytes, route "${this.#name}" takes ${this.#maxBytes} (routes.${this.#name}.maxMessageSize)`,
      );
    });
  }
}
