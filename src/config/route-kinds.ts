import type { RouteKinds } from './formats/routes.js';
import { common } from './route-options/common.js';
import { module } from './route-options/module.js';
import { payload } from './route-options/payload.js';
import { topic } from './route-options/topic.js';
import { upstream } from './route-options/upstream.js';

/** The kinds of route a configuration can name, and the options each takes besides `kind`. */
export const routeKinds = {
  conformance: { ...common, payload },
  echo: common,
  module,
  topic,
  upstream,
} as const satisfies RouteKinds;
