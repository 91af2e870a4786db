import { assertNever } from '../core/assert-never.js';
import { ALL_OVERFLOWS } from '../session/overflow.js';
import type { Overflow, Route } from '../session/route.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';
import type { TopicRouteOptions } from './topic-options.js';
import { topicRoute, type TopicRouteParts } from './topic.js';

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
  );

/** What the kinds of route need beside their own options. */
export type RouteParts = TopicRouteParts;

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
    default:
      return assertNever(config);
  }
}
