import type { RouteKinds } from './formats/routes.js';

/** The kinds of route a configuration can name, and the options each takes besides `kind`. */
export const routeKinds = {
  echo: {},
  conformance: {},
} as const satisfies RouteKinds;
