import { choice, choices } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { list } from './formats/list.js';
import { integer } from './formats/number.js';
import type { Options } from './formats/options.js';
import { ROUTE_NAME, ROUTE_NAME_ALLOWED } from './formats/routes.js';
import { GIB, size } from './formats/size.js';
import { text } from './formats/text.js';
import { setting } from './setting.js';

const ROUTES = 'at most 100 names of routes, or [] (every route)';
const amount = integer({ min: 1, max: 1_000_000_000, zero: 'not counted' });
const bytes = size({ minBytes: 1, maxBytes: 1_024 * GIB, zero: 'not counted' });

/** A minute. */
export const DEFAULT_MAX_DELAY_MS = 60_000;

/** What each entry of `rateLimits` takes. */
export const rateLimitOptions = {
  algorithm: setting(
    choice(['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window']),
    'token-bucket',
    'How it counts. token-bucket: a burst, then the rate. leaky-bucket: one after another at a constant rate, others wait in its queue. fixed-window: so much in each period, one after the other. sliding-window: so much in any period, wherever it begins; counted in eighths of it.',
  ),
  by: setting(
    choices(['client', 'address', 'route'], 'one rate for all together'),
    ['client'],
    'Who has a rate of their own: each client ID, each address (without port, an IPv6 one by its /64), each route, or each combination of several.',
  ),
  routes: setting(
    list(text(ROUTE_NAME, ROUTE_NAME_ALLOWED), {
      allowed: ROUTES,
      summary: ROUTES,
      minItems: 0,
      maxItems: 100,
      item: 'name',
    }),
    [],
    'Which of routes it is for. One that names none holds for pushes over HTTP, too.',
  ),
  messages: setting(
    amount,
    0,
    'Messages to routes, by sessions, Ingest and Publish, and pushes over HTTP, in each period. At least one of messages, bytes and opens is needed.',
  ),
  bytes: setting(bytes, 0, 'The same in bytes of data, keys and metadata.'),
  opens: setting(
    amount,
    0,
    'Sessions opened (a resumed one is not) and topics subscribed to, in each period. Over it: refused, whatever else is said here.',
  ),
  per: setting(duration({ maxMs: 86_400_000 }), '1s', 'The period, at most 24h.'),
  burst: setting(
    integer({ min: 1, max: 1_000_000_000, zero: 'as many as in a period' }),
    0,
    'token-bucket: messages, or opens, that may come at once after a rest.',
  ),
  burstSize: setting(
    size({ minBytes: 1, maxBytes: 1_024 * GIB, zero: 'as many as in a period' }),
    0,
    'token-bucket: the same in bytes.',
  ),
  queue: setting(
    integer({ min: 1, max: 1_000_000, zero: 'none' }),
    0,
    'leaky-bucket: messages that may wait, of one rate. One more is refused.',
  ),
  over: setting(
    choice(['delay', 'refuse']),
    'delay',
    'What happens to a message of a session over the rate. delay: its session is held, and with it the client (a window that does not open, a stream that is not read). refuse: it fails with RATE_LIMITED.',
  ),
  maxDelay: setting(
    duration(),
    '1m',
    'The longest that a message is held, less than session.resumeWindow; left as it is, half of that at most. One that would have to be held for longer fails with RATE_LIMITED.',
  ),
  callDelay: setting(
    duration({ zero: 'refused at once' }),
    0,
    'The longest that a call of Publish, or a push, over the rate is held, in place of being refused.',
  ),
  maxKeys: setting(
    integer({ min: 1, max: 1_000_000 }),
    100_000,
    'Clients, addresses and so on that have a rate of their own at a time. Those over it share a few, until others have been idle for long enough to be forgotten.',
  ),
} as const satisfies Options;
