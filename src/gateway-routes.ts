import type { Config } from './config/schema.js';
import { boundLogger } from './core/bound-logger.js';
import type { Clock } from './core/clock.js';
import type { Logger } from './core/logger.js';
import { StartError } from './core/start-error.js';
import type { GatewayLimits } from './gateway-limits.js';
import { topicSettings } from './gateway-settings.js';
import { type Middleware, withMiddleware } from './routes/middleware/middleware.js';
import { isDefinedRoute } from './routes/module/define-route.js';
import type { RouteCounters } from './routes/route-counters.js';
import { routeTable } from './routes/route-table.js';
import type { Route } from './session/route.js';
import type { UpstreamPool } from './upstream/upstream-pool.js';

interface GatewayRoutesOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upstreams: ReadonlyMap<string, UpstreamPool>;
  /** The user's own, by name. */
  readonly routes: Readonly<Record<string, Route>>;
  /** Around every route; the first is outermost. */
  readonly middleware: readonly Middleware[];
  /** Within that, around the routes of these names. */
  readonly routeMiddleware: Readonly<Record<string, readonly Middleware[]>>;
  /** Outermost of all. */
  readonly limits: GatewayLimits;
  /** The name of the route for clients that name none. */
  readonly defaultRoute: string;
}

export interface GatewayRoutes {
  readonly routes: ReadonlyMap<string, Route>;
  /** Of the configured ones. */
  readonly counters: ReadonlyMap<string, RouteCounters>;
}

/** Every route there is: the configured, and over them the user's own. Throws a StartError for names that are none. */
export function gatewayRoutes(options: GatewayRoutesOptions): GatewayRoutes {
  const { config, clock, logger, routeMiddleware, limits, defaultRoute } = options;
  const routes = new Map<string, Route>();
  const middleware = (name: string): readonly Middleware[] => [
    ...options.middleware,
    ...(Object.hasOwn(routeMiddleware, name) ? (routeMiddleware[name] ?? []) : []),
  ];
  const configured = routeTable(config.routes, {
    clock,
    logger,
    upstreams: options.upstreams,
    ...topicSettings(config),
    random: Math.random,
    middleware,
    find: (name) => routes.get(name),
  });
  for (const [name, route] of configured.routes) routes.set(name, limits.around(name, route));
  for (const [name, route] of Object.entries(options.routes)) {
    const context = { routeName: name, options: {}, logger: boundLogger(logger, { route: name }), clock };
    const own = isDefinedRoute(route) ? route.within(context) : route;
    routes.set(name, limits.around(name, withMiddleware(own, middleware(name), { name })));
  }
  if (!routes.has(defaultRoute)) {
    throw new StartError('defaultRoute', `defaultRoute is "${defaultRoute}": there is no such route.`);
  }
  for (const name of Object.keys(routeMiddleware)) {
    if (routes.has(name)) continue;
    throw new StartError('routeMiddleware', `routeMiddleware names "${name}": there is no such route.`);
  }
  return { routes, counters: configured.counters };
}
