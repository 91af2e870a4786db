import type { Overflow, Route, RouteHandler, RouteSession } from '../../session/route.js';
import { RouteWrapper } from '../route-wrapper.js';

/** What becomes of messages that wait, as the configuration says it rather than the route. */
export class ConfiguredOverflow extends RouteWrapper {
  protected readonly inner: Route;
  readonly #overflow: Overflow | undefined;
  readonly #allowed: readonly Overflow[] | undefined;

  constructor(inner: Route, overflow: Overflow | undefined, allowed: readonly Overflow[] | undefined) {
    super();
    this.inner = inner;
    this.#overflow = overflow;
    this.#allowed = allowed;
  }

  override get overflow(): Overflow {
    return this.#overflow ?? super.overflow;
  }

  override get allowedOverflow(): readonly Overflow[] | undefined {
    return this.#allowed ?? super.allowedOverflow;
  }

  open(session: RouteSession): RouteHandler {
    return this.inner.open(session);
  }
}
