import { boolean, choice, choices } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { freeMap } from './formats/free-map.js';
import { list } from './formats/list.js';
import { modulePath } from './formats/module-path.js';
import { integer } from './formats/number.js';
import type { RouteKinds } from './formats/routes.js';
import { GIB, KIB, size } from './formats/size.js';
import { text } from './formats/text.js';
import { setting } from './setting.js';

const OVERFLOWS = ['block', 'drop-oldest', 'drop-newest', 'conflate', 'disconnect'] as const;

const OVERFLOW =
  'What happens to the waiting messages of a session when its client does not take them, unless the client chooses.';

const DEAD_LETTER = 'a route, or route/subject';

const MIDDLEWARE = 'at most 32 paths of ES modules';

/** What every kind of route takes. */
const common = {
  overflow: setting(choice(OVERFLOWS), 'block', OVERFLOW),
  allowedOverflow: setting(
    choices(OVERFLOWS, 'every one where overflow is block, else only overflow'),
    [],
    'What a client may choose when it opens a session.',
  ),
  maxSessions: setting(
    integer({ min: 1, max: 10_000_000, zero: 'off' }),
    0,
    'Sessions of the route, over all clients. Over it one is refused with SESSION_LIMIT.',
  ),
  maxMessageSize: setting(
    size({ minBytes: 1, maxBytes: GIB, zero: "the server's" }),
    0,
    'The largest payload the route takes; a larger message fails with MESSAGE_TOO_LARGE, its session goes on.',
  ),
  timeout: setting(
    duration({ zero: 'off' }),
    0,
    'How long the route may take for one message, each attempt by itself. Over it the message fails with ROUTE_TIMEOUT.',
  ),
  acknowledge: setting(
    choice(['handled', 'received']),
    'handled',
    'When a message is accepted, and so acknowledged: when the route is done with it, or as soon as it has it. With received, one message of each session may be acknowledged and yet fail, or be lost with the gateway.',
  ),
  retries: setting(
    integer({ min: 1, max: 1_000, zero: 'off' }),
    0,
    'How often a message that the route failed on is given to it again; its session waits meanwhile. What will never succeed, by its error, is not.',
  ),
  retryBackoff: setting(
    duration(),
    '100ms',
    'The most that is waited before the first retry, at random from 0; twice as much before each further one.',
  ),
  retryMaxBackoff: setting(duration(), '5s', 'The most that is waited before any retry.'),
  deadLetter: setting(
    text(/^(?:[A-Za-z][A-Za-z0-9._-]{0,63}(?:\/[^\p{C}]{1,128})?)?$/u, DEAD_LETTER),
    '',
    'Where messages go that the route still fails on: another route, with metadata that says what they were. Without a subject it is the name of this route.',
  ),
  deadLetterOutcome: setting(
    choice(['accepted', 'failed']),
    'accepted',
    'What a message that went to the dead letter is to its client: accepted, or failed, with its Error.',
  ),
  middleware: setting(
    list(modulePath(), {
      allowed: MIDDLEWARE,
      summary: MIDDLEWARE,
      minItems: 0,
      maxItems: 32,
      item: 'path',
    }),
    [],
    'What is put around the route, outermost first: modules whose default export is made by defineMiddleware. Relative to the file that names them.',
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
  module: {
    ...common,
    overflow: setting(
      choice(['module', ...OVERFLOWS]),
      'module',
      `${OVERFLOW} module: as the module says, else block.`,
    ),
    path: setting(
      modulePath(),
      '',
      'The ES module whose default export, made by defineRoute, is the route. Relative to the file that names it. Required.',
    ),
    options: setting(freeMap(), {}, 'What the module is told: a map of your own.', { sensitive: true }),
    loadTimeout: setting(duration(), '30s', 'How long the module may take to load, and its start.'),
  },
  topic: {
    ...common,
    overflow: setting(
      choice(OVERFLOWS),
      'drop-oldest',
      'What happens to the waiting messages of a subscriber that does not take them, unless it chooses. block: the publisher waits for it, for stream.sendTimeout at most.',
    ),
    allowedOverflow: setting(
      choices(OVERFLOWS, 'every one'),
      [],
      'What a client may choose when it opens a session or subscribes.',
    ),
    historyMessages: setting(
      integer({ min: 1, max: 1_000_000, zero: 'none' }),
      100,
      'The last messages that a topic keeps for whoever comes later.',
    ),
    historySize: setting(
      size({ minBytes: KIB, maxBytes: GIB, zero: 'none' }),
      '1MiB',
      'Their data, keys and metadata.',
    ),
    historyAge: setting(duration({ zero: 'none are kept' }), '5m', 'How long they are kept.'),
    maxHistorySize: setting(
      size({ minBytes: KIB, maxBytes: 1_024 * GIB }),
      '64MiB',
      'What all topics of the route keep together, 1 KiB a message for what it takes beside its own: the oldest goes first.',
    ),
    conflateHistory: setting(
      boolean(),
      false,
      'Whether a message with a key takes the place of the one before it in the history, so that who comes gets the last of each key.',
    ),
    maxTopics: setting(
      integer({ min: 1, max: 10_000_000 }),
      10_000,
      'Topics that are followed, or keep something. Over it: TOPIC_LIMIT.',
    ),
    maxSubscribers: setting(
      integer({ min: 1, max: 10_000_000 }),
      10_000,
      'Subscribers of one topic. Over it: TOPIC_LIMIT.',
    ),
    idempotencyKeys: setting(
      integer({ min: 1, max: 10_000_000, zero: 'none' }),
      100_000,
      'Idempotency keys that are known, of all topics of the route; the oldest is forgotten first.',
    ),
    idempotencyAge: setting(
      duration({ zero: 'none are known' }),
      '10m',
      'How long a key is known: a message that is sent again later is another.',
    ),
    maxWaitingPublishes: setting(
      integer({ min: 1, max: 1_000_000 }),
      64,
      'Messages of one topic that wait to be published, while a subscriber whose policy is block holds the one before. Over it: OVERLOADED.',
    ),
    waitingPublishSize: setting(
      size({ minBytes: KIB, maxBytes: GIB }),
      '1MiB',
      'Their data; one may always wait.',
    ),
    ownMessages: setting(boolean(), true, 'Whether a session gets back what it publishes itself.'),
    presence: setting(
      boolean(),
      false,
      'Whether sessions may ask who follows a topic, and follow who comes and goes.',
    ),
    maxPresence: setting(
      integer({ min: 1, max: 100_000 }),
      1_000,
      'Clients that are named to one who asks; their number is told however many there are.',
    ),
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
