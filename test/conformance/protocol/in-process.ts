import type { Clock } from '../../../src/core/clock.js';
import { conformanceRoute } from '../../../src/routes/conformance.js';
import type { Route } from '../../../src/session/route.js';
import type { Settings } from '../../helpers/gateway.js';

export const ROUTE = 'conformance';
export const WHOLE_ROUTE = 'conformance-whole';
/** Its clients may choose between `block`, its default, and `drop-oldest`. */
export const NARROW_ROUTE = 'conformance-narrow';

/** Over config/test.yaml: what cases may wait for, and nothing that ends a session behind their backs. */
export const SETTINGS: Settings = {
  'session.resumeWindow': '10s',
  'session.idleTimeout': 0,
  'stream.receiveTimeout': '8s',
};

/** What the cases speak to. */
export function routes(clock: Clock): Record<string, Route> {
  return {
    [ROUTE]: conformanceRoute(clock),
    [WHOLE_ROUTE]: conformanceRoute(clock, { wantsWhole: true }),
    [NARROW_ROUTE]: { ...conformanceRoute(clock), allowedOverflow: ['block', 'drop-oldest'] },
  };
}
