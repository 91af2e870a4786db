import { assertNever } from '../core/assert-never.js';
import { StartError } from '../core/start-error.js';
import { ALL_OVERFLOWS } from '../session/overflow.js';
import type { Overflow, Route } from '../session/route.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';
import type { TopicRouteOptions } from './topic-options.js';
import { topicRoute, type TopicRouteParts } from './topic.js';
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
    | ({ readonly kind: 'topic' } & TopicRouteOptions)
    | { readonly kind: 'upstream'; readonly upstream: string; readonly payload?: 'pieces' | 'whole' }
  );

/** What the kinds of route need beside their own options. */
export interface RouteParts extends TopicRouteParts {
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
      const { overflow = config.kind === 'topic' ? 'drop-oldest' : 'block' } = config;
      const allowedOverflow = allowedBy(config);
      const route = { ...routeOf(name, config, parts), overflow };
      return [name, allowedOverflow.length === 0 ? route : { ...route, allowedOverflow }];
    }),
  );
}

/** A topic's subscribers hurt nobody but themselves by any policy, save by block, which is bounded by a time. */
function allowedBy({ kind, allowedOverflow = [] }: RouteConfig): readonly Overflow[] {
  return kind === 'topic' && allowedOverflow.length === 0 ? ALL_OVERFLOWS : allowedOverflow;
}

function routeOf(name: string, config: RouteConfig, parts: RouteParts): Route {
  switch (config.kind) {
    case 'echo':
      return echoRoute();
    case 'conformance':
      return conformanceRoute(parts.clock, { wantsWhole: config.payload === 'whole' });
    case 'topic':
      return topicRoute(name, { ...config, allowedOverflow: allowedBy(config) }, parts);
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
