import { boolean, choice, choices } from '../formats/choice.js';
import { duration } from '../formats/duration.js';
import { integer } from '../formats/number.js';
import { GIB, KIB, size } from '../formats/size.js';
import { setting } from '../setting.js';
import { common, OVERFLOWS } from './common.js';

/** A route whose subjects are rooms. */
export const topic = {
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
};
