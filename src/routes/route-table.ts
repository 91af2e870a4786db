import { assertNever } from '../core/assert-never.js';
import type { Route } from '../session/route.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';
import { ModuleRoute } from './module/module-route.js';
import { type CommonConfig, withCommonOptions } from './options/common-options.js';
import type { RouteCounters } from './route-counters.js';
import type { RouteParts } from './route-parts.js';

interface ModuleConfig {
  readonly kind: 'module';
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly loadTimeout: number;
}

/** A route as the configuration names it. */
export type RouteConfig = CommonConfig &
  (
    | { readonly kind: 'echo' }
    | { readonly kind: 'conformance'; readonly payload?: 'pieces' | 'whole' }
    | ModuleConfig
  );

export interface RouteTable {
  readonly routes: ReadonlyMap<string, Route>;
  /** What their options do, by route. */
  readonly counters: ReadonlyMap<string, RouteCounters>;
}

/** Builds every configured route, by name. */
export function routeTable(configs: Readonly<Record<string, RouteConfig>>, parts: RouteParts): RouteTable {
  const routes = new Map<string, Route>();
  const allCounters = new Map<string, RouteCounters>();
  for (const [name, config] of Object.entries(configs)) {
    const { route, counters } = withCommonOptions(name, routeOf(name, config, parts), config, parts);
    routes.set(name, route);
    allCounters.set(name, counters);
  }
  return { routes, counters: allCounters };
}

function routeOf(name: string, config: RouteConfig, parts: RouteParts): Route {
  const { clock, logger } = parts;
  switch (config.kind) {
    case 'echo':
      return echoRoute();
    case 'conformance':
      return conformanceRoute(clock, { wantsWhole: config.payload === 'whole' });
    case 'module': {
      const { path, options, loadTimeout: loadTimeoutMs } = config;
      return new ModuleRoute({ name, path, options, loadTimeoutMs, clock, logger });
    }
    default:
      return assertNever(config);
  }
}
