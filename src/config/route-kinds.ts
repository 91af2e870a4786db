import { choice, choices } from './formats/choice.js';
import type { RouteKinds } from './formats/routes.js';
import { text } from './formats/text.js';
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

const payload = setting(
  choice(['pieces', 'whole']),
  'pieces',
  'Whether a payload over several messages comes piece by piece, or whole.',
);

/** The kinds of route a configuration can name, and the options each takes besides `kind`. */
export const routeKinds = {
  echo: common,
  conformance: {
    ...common,
    payload,
  },
  upstream: {
    ...common,
    payload,
    upstream: setting(
      text(/^(?:[A-Za-z][A-Za-z0-9._-]{0,63})?$/, 'the name of one of upstreams'),
      '',
      'Which of upstreams its sessions go to. It has to be given.',
    ),
  },
} as const satisfies RouteKinds;
