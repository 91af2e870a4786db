import type { Route } from '../../session/route.js';

/** Which route it is put around. */
export interface MiddlewareInfo {
  /** The route's name, as clients say it. */
  readonly name: string;
}

/** Something put around a route: given the route, it gives back another that does more, or less. */
export type Middleware = (route: Route, info: MiddlewareInfo) => Route;

/** The route with all of these around it, the first of them outermost. Throws what they throw, and a TypeError for what is no route. */
export function withMiddleware(route: Route, middleware: readonly Middleware[], info: MiddlewareInfo): Route {
  return middleware.reduceRight((inner, each) => {
    // Only middleware in JavaScript can forget to give one back.
    const made: unknown = each(inner, info);
    if (typeof made === 'object' && made !== null && 'open' in made && typeof made.open === 'function')
      return made as Route;
    throw new TypeError(
      `middleware of route "${info.name}" gave back ${made === undefined ? 'nothing' : `what is of type ${typeof made}`}, not a route: an object with a method open`,
    );
  }, route);
}
