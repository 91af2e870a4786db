import { choice, choices } from './formats/choice.js';
import type { RouteKinds } from './formats/routes.js';
import { setting } from './setting.js';

const OVERFLOWS = ['block', 'drop-oldest', 'drop-newest', 'conflate', 'disconnect'] as const;

/** What every kind of route takes. */
const common = {
  overflow: setting(
    choice(OVERFLOWS),
    'block',
    'What happens to the waiting messages of a session when its client does not take them, unless the client chooses.',
  ),
  allowedOverflow: setting(
    choices(OVERFLOWS, 'every one where overflow is block, else only overflow'),
    [],
    'What a client may choose when it opens a session.',
  ),
};

/** The kinds of route a configuration can name, and the options each takes besides `kind`. */
export const routeKinds = {
  echo: common,
  conformance: {
    ...common,
    payload: setting(
      choice(['pieces', 'whole']),
      'pieces',
      'Whether a payload over several messages comes piece by piece, or whole.',
    ),
  },
} as const satisfies RouteKinds;
