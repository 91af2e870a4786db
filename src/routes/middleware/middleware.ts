import type { Route } from '../../session/route.js';

/** Which route it is put around. */
export interface MiddlewareInfo {
  /** The route's name, as clients say it. */
  readonly name: string;
}

/** Something put around a route: given the route, it gives back another that does more, or less. */
export type Middleware = (route: Route, info: MiddlewareInfo) => Route;

/** The route with all of these around it, the first of them outermost. */
export function withMiddleware(route: Route, middleware: readonly Middleware[], info: MiddlewareInfo): Route {
  return middleware.reduceRight((inner, each) => each(inner, info), route);
}
