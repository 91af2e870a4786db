import { assertNever } from '../core/assert-never.js';
import type { Clock } from '../core/clock.js';
import type { Overflow, Route } from '../session/route.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';

interface CommonConfig {
  readonly overflow?: Overflow;
  /** Empty: as the route decides. */
  readonly allowedOverflow?: readonly Overflow[];
}

/** A route as the configuration names it. */
export type RouteConfig = CommonConfig &
  ({ readonly kind: 'echo' } | { readonly kind: 'conformance'; readonly payload?: 'pieces' | 'whole' });

/** Builds every configured route, by name. */
export function routeTable(routes: Readonly<Record<string, RouteConfig>>, clock: Clock): Map<string, Route> {
  return new Map(
    Object.entries(routes).map(([name, config]) => {
      const { overflow = 'block', allowedOverflow = [] } = config;
      const route = { ...routeOf(config, clock), overflow };
      return [name, allowedOverflow.length === 0 ? route : { ...route, allowedOverflow }];
    }),
  );
}

function routeOf(config: RouteConfig, clock: Clock): Route {
  switch (config.kind) {
    case 'echo':
      return echoRoute();
    case 'conformance':
      return conformanceRoute(clock, { wantsWhole: config.payload === 'whole' });
    default:
      return assertNever(config);
  }
}
