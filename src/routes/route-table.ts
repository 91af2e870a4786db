import { assertNever } from '../core/assert-never.js';
import type { Clock } from '../core/clock.js';
import type { Route } from '../session/route.js';
import { conformanceRoute } from './conformance.js';
import { echoRoute } from './echo.js';

/** A route as the configuration names it. */
export interface RouteConfig {
  readonly kind: 'echo' | 'conformance';
}

/** Builds every configured route, by name. */
export function routeTable(routes: Readonly<Record<string, RouteConfig>>, clock: Clock): Map<string, Route> {
  return new Map(Object.entries(routes).map(([name, config]) => [name, routeOf(config, clock)]));
}

function routeOf(config: RouteConfig, clock: Clock): Route {
  switch (config.kind) {
    case 'echo':
      return echoRoute();
    case 'conformance':
      return conformanceRoute(clock);
    default:
      return assertNever(config.kind);
  }
}
