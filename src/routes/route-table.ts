import { assertNever } from '../core/assert-never.js';
import { StartError } from '../core/start-error.js';
import { ALL_OVERFLOWS } from '../session/overflow.js';
import type { Route } from '../session/route.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';
import { ModuleRoute } from './module/module-route.js';
import { type CommonConfig, withCommonOptions } from './options/common-options.js';
import type { RouteCounters } from './route-counters.js';
import type { RouteParts } from './route-parts.js';
import type { TopicRouteOptions } from './topic-options.js';
import { topicRoute } from './topic.js';
import { upstreamRoute } from './upstream.js';

interface ModuleConfig {
  readonly kind: 'module';
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly loadTimeout: number;
}

interface UpstreamConfig {
  readonly kind: 'upstream';
  readonly upstream: string;
  readonly payload?: 'pieces' | 'whole';
}

/** A route as the configuration names it. */
export type RouteConfig = CommonConfig &
  (
    | { readonly kind: 'conformance'; readonly payload?: 'pieces' | 'whole' }
    | { readonly kind: 'echo' }
    | ModuleConfig
    | ({ readonly kind: 'topic' } & TopicRouteOptions)
    | UpstreamConfig
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
    case 'conformance':
      return conformanceRoute(clock, { wantsWhole: config.payload === 'whole' });
    case 'echo':
      return echoRoute();
    case 'module': {
      const { path, options, loadTimeout: loadTimeoutMs } = config;
      return new ModuleRoute({ name, path, options, loadTimeoutMs, clock, logger });
    }
    case 'topic': {
      // Subscribers hurt nobody but themselves by any policy, save by block, which is bounded by a time.
      const allowedOverflow = config.allowedOverflow.length === 0 ? ALL_OVERFLOWS : config.allowedOverflow;
      return topicRoute(name, { ...config, allowedOverflow }, parts);
    }
    case 'upstream': {
      const pool = parts.upstreams.get(config.upstream);
      if (pool === undefined) throw unknownUpstream(name, config.upstream);
      return upstreamRoute(pool, { name, wantsWhole: config.payload === 'whole' });
    }
    default:
      return assertNever(config);
  }
}

/** The configuration is checked when it is loaded: only one that was made otherwise comes here. */
function unknownUpstream(route: string, upstream: string): StartError {
  const key = `routes.${route}.upstream`;
  return new StartError(key, `${key} is "${upstream}": there is no such upstream.`);
}
