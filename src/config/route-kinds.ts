import type { RouteKinds, RouteOf } from './formats/routes.js';

/** The kinds of route a configuration can name, and the options each takes besides `kind`. */
export const routeKinds = {
  echo: {},
  conformance: {},
} as const satisfies RouteKinds;

export type RouteKind = keyof typeof routeKinds;
export type RouteConfig = RouteOf<typeof routeKinds>;
