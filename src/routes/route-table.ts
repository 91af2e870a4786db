import { assertNever } from '../core/assert-never.js';
import type { Clock } from '../core/clock.js';
import { StartError } from '../core/start-error.js';
import type { Overflow, Route } from '../session/route.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';
import { upstreamRoute } from './upstream.js';

interface CommonConfig {
  readonly overflow?: Overflow;
  /** Empty: as the route decides. */
  readonly allowedOverflow?: readonly Overflow[];
}

/** A route as the configuration names it. */
export type RouteConfig = CommonConfig &
  (
    | { readonly kind: 'echo' }
    | { readonly kind: 'conformance'; readonly payload?: 'pieces' | 'whole' }
    | { readonly kind: 'upstream'; readonly upstream: string; readonly payload?: 'pieces' | 'whole' }
  );

/** What routes are made with. */
export interface RouteParts {
  readonly clock: Clock;
  /** By the names of the configuration. */
  readonly upstreams: ReadonlyMap<string, UpstreamPool>;
}

/** Builds every configured route, by name. */
export function routeTable(
  routes: Readonly<Record<string, RouteConfig>>,
  parts: RouteParts,
): Map<string, Route> {
  return new Map(
    Object.entries(routes).map(([name, config]) => {
      const { overflow = 'block', allowedOverflow = [] } = config;
      const route = { ...routeOf(name, config, parts), overflow };
      return [name, allowedOverflow.length === 0 ? route : { ...route, allowedOverflow }];
    }),
  );
}

function routeOf(name: string, config: RouteConfig, { clock, upstreams }: RouteParts): Route {
  switch (config.kind) {
    case 'echo':
      return echoRoute();
    case 'conformance':
      return conformanceRoute(clock, { wantsWhole: config.payload === 'whole' });
    case 'upstream': {
      const pool = upstreams.get(config.upstream);
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
