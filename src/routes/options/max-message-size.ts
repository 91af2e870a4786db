import { SluiceError } from '../../core/errors.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { TopicRoute } from '../../session/topic-route.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';
import { LimitedTopic } from './limited-topic.js';

/** Fails messages whose payload, as the route would be given it, is larger. */
export class MaxMessageSize extends RouteWrapper {
  protected readonly inner: Route;
  readonly #name: string;
  readonly #maxBytes: number;
  readonly #counters: RouteCounters;
  #limited: LimitedTopic | undefined;

  constructor(inner: Route, options: { name: string; maxBytes: number; counters: RouteCounters }) {
    super();
    this.inner = inner;
    this.#name = options.name;
    this.#maxBytes = options.maxBytes;
    this.#counters = options.counters;
  }

  /** What comes by Publish is no larger either: it may go to thousands. */
  override get topic(): TopicRoute | undefined {
    const { topic } = this.inner;
    if (topic === undefined) return undefined;
    this.#limited ??= new LimitedTopic(topic, ({ data }) => {
      this.#refuseLarger(data);
    });
    return this.#limited;
  }

  open(session: RouteSession): RouteHandler {
    const handler = this.openInner(session);
    return wrappedHandler(handler, (message) => {
      this.#refuseLarger(message.data);
      return handler.handle(message);
    });
  }

  #refuseLarger({ byteLength }: Uint8Array): void {
    if (byteLength <= this.#maxBytes) return;
    this.#counters.messagesTooLarge += 1;
    throw new SluiceError(
      'MESSAGE_TOO_LARGE',
      `the payload has ${byteLength} bytes, route "${this.#name}" takes ${this.#maxBytes} (routes.${this.#name}.maxMessageSize)`,
    );
  }
}
