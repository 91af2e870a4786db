import { choice, choices } from '../formats/choice.js';
import { duration } from '../formats/duration.js';
import { list } from '../formats/list.js';
import { modulePath } from '../formats/relative-path.js';
import { integer } from '../formats/number.js';
import { GIB, size } from '../formats/size.js';
import { text } from '../formats/text.js';
import { setting } from '../setting.js';

export const OVERFLOWS = ['block', 'drop-oldest', 'drop-newest', 'conflate', 'disconnect'] as const;

export const OVERFLOW =
  'What happens to the waiting messages of a session when its client does not take them, unless the client chooses.';

const DEAD_LETTER = 'a route, or route/subject';

const MIDDLEWARE = 'at most 32 paths of ES modules';

/** What every kind of route takes. */
export const common = {
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
