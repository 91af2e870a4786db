import { SystemClock } from '../../core/clock.js';
import type { Overflow, Route, RouteHandler, RouteSession } from '../../session/route.js';
import { withMiddleware } from '../middleware/middleware.js';
import { DefinedHandler } from './defined-handler.js';
import type { RouteContext } from './module-session.js';
import { faultOfDefinition, type RouteDefinition } from './route-definition.js';

/** A route as `defineRoute` makes it: a `Route` like any other, that also says what it was made of. */
export interface DefinedRoute<State = unknown> extends Route {
  readonly definition: RouteDefinition<State>;
  /** The same route, knowing its name, its options, where it logs. The gateway calls it. */
  within(context: RouteContext): DefinedRoute<State>;
}

const nothing = (): void => undefined;
const QUIET = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * A route of functions, for a module of its own (`export default defineRoute({
 * … })`, `routes.<name>.kind: module`), or for `routes` of a Gateway. Throws a
 * TypeError that names the property that is wrong.
 */
export function defineRoute<State = undefined>(definition: RouteDefinition<State>): DefinedRoute<State> {
  const fault = faultOfDefinition(definition);
  if (fault !== undefined) throw new TypeError(`defineRoute: ${fault}`);
  return new RouteOfDefinition(definition, {
    routeName: '',
    options: {},
    logger: QUIET,
    clock: new SystemClock(),
  });
}

export function isDefinedRoute(route: Route): route is DefinedRoute {
  return 'definition' in route && 'within' in route;
}

class RouteOfDefinition<State> implements DefinedRoute<State> {
  readonly kind = 'module';
  readonly definition: RouteDefinition<State>;
  readonly wantsWhole: boolean;
  readonly wantsRecent: boolean;
  readonly overflow: Overflow;
  readonly allowedOverflow: readonly Overflow[] | undefined;
  readonly pipelined: boolean;
  readonly #context: RouteContext;
  /** With the definition's own middleware around it. */
  readonly #route: Route;

  constructor(definition: RouteDefinition<State>, context: RouteContext) {
    this.definition = definition;
    this.wantsWhole = definition.wantsWhole ?? false;
    this.wantsRecent = definition.wantsRecent ?? false;
    this.overflow = definition.overflow ?? 'block';
    this.allowedOverflow = definition.allowedOverflow;
    this.pipelined = definition.pipelined ?? false;
    this.#context = context;
    const bare: Route = {
      kind: this.kind,
      open: (session) => new DefinedHandler(definition, session, context),
    };
    this.#route = withMiddleware(bare, definition.middleware ?? [], { name: context.routeName });
  }

  within(context: RouteContext): DefinedRoute<State> {
    return new RouteOfDefinition(this.definition, context);
  }

  async start(): Promise<void> {
    await this.definition.start?.(this.#context);
    await this.#route.start?.();
  }

  stop(): void {
    this.#route.stop?.();
    this.definition.stop?.(this.#context);
  }

  open(session: RouteSession): RouteHandler {
    return this.#route.open(session);
  }
}
