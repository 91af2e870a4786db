import { hostname } from 'node:os';
import { auth } from './auth-section.js';
import { balancers } from './balancers-section.js';
import { edge } from './edge-section.js';
import { tcpAddress } from './formats/address.js';
import { boolean, choice } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { integer } from './formats/number.js';
import { proxyMap } from './formats/proxies.js';
import { rateLimitMap } from './formats/rate-limits.js';
import { ROUTE_NAME, ROUTE_NAME_ALLOWED, routeMap } from './formats/routes.js';
import { GIB, KIB, MIB, size } from './formats/size.js';
import { text } from './formats/text.js';
import { upstreamMap } from './formats/upstreams.js';
import { proxyOptions } from './proxy-options.js';
import { rateLimitOptions } from './rate-limit-options.js';
import { routeKinds } from './route-kinds.js';
import { server } from './server-section.js';
import { section, setting, type Values } from './setting.js';
import { upstreamOptions } from './upstream-options.js';

// Defaults and the meaning of limits: every queue, map and wait of the gateway
// has its bound here, or in the files of the larger sections (server, auth).
// These are the only places that know them; the sample file and the reference
// page are made from them.

const node = section('Who this gateway is among others.', {
  id: setting(
    text(/^[\x21-\x7e]{1,128}$/, '1 to 128 printable characters without spaces'),
    hostname().slice(0, 128) || 'sluice',
    'Name of this gateway in its log, its metrics and every Welcome.',
    { defaultNote: 'the host name' },
  ),
});

const log = section('What the gateway writes to its standard output.', {
  level: setting(
    choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'The least important lines that are written.',
  ),
  format: setting(
    choice(['auto', 'json', 'pretty']),
    'auto',
    'One JSON object a line for machines, or one readable line for people. auto: pretty where standard output is a terminal, else json. Colours on a terminal only, and not with NO_COLOR set.',
  ),
});

const pool = section('Client connections: the streams that carry messages.', {
  maxConnections: setting(
    integer({ min: 1, max: 1_000_000 }),
    5_000,
    'Connections in all. Over it a client is refused with CONNECTION_LIMIT and told when to try again.',
  ),
  maxConnectionsPerClient: setting(
    integer({ min: 1, max: 1_000_000 }),
    16,
    'Connections of one client ID. Over it: CLIENT_LIMIT.',
  ),
  maxPublishes: setting(
    integer({ min: 1, max: 1_000_000 }),
    1_000,
    'Calls of Publish under way at a time: they are short, and count as no connections, unless a subscriber under block holds them. As many pushes over HTTP, counted apart. Over it: OVERLOADED.',
  ),
  maxPublishesPerClient: setting(
    integer({ min: 1, max: 1_000_000 }),
    256,
    'The same of one client ID. Over it: CLIENT_LIMIT.',
  ),
});

const throttle = section('The most a connection is sent. A send over the rate waits.', {
  messagesPerSecond: setting(integer({ min: 1, max: 1_000_000_000, zero: 'off' }), 0, 'Messages a second.'),
  bytesPerSecond: setting(size({ minBytes: 1, maxBytes: 1_024 * GIB, zero: 'off' }), 0, 'Bytes a second.'),
});

const queueMessages = integer({ min: 1, max: 1_000_000 });
const queueSize = size({ minBytes: KIB, maxBytes: GIB });

const stream = section('The two loops and two queues of a connection, and how long each may wait.', {
  receiveQueueMessages: setting(
    queueMessages,
    512,
    'Messages received and not yet taken by their route. Full: the gateway stops reading from this client.',
  ),
  receiveQueueSize: setting(queueSize, '2MiB', 'The same in bytes. One message always fits an empty queue.'),
  sendQueueMessages: setting(queueMessages, 512, 'Messages waiting to be sent. Full: routes wait.'),
  sendQueueSize: setting(queueSize, '2MiB', 'The same in bytes. One message always fits an empty queue.'),
  sendBufferSize: setting(
    queueSize,
    '64KiB',
    'Bytes handed to the network that it has not taken yet. Full: the send queue waits.',
  ),
  firstMessageTimeout: setting(
    duration({ zero: 'off' }),
    '10s',
    'From opening a stream to its first message.',
  ),
  receiveTimeout: setting(
    duration({ zero: 'off' }),
    '25s',
    'The longest silence of a client that has promised to be heard from, by a heartbeat or an open session.',
  ),
  sendTimeout: setting(
    duration(),
    '15s',
    'How long a client may take nothing of what was sent to it before it is ended as too slow.',
  ),
  heartbeatInterval: setting(
    duration({ zero: 'off' }),
    '20s',
    'How often a heartbeat is sent, and asked of clients. Skipped while the send queue is full.',
  ),
  flowControlDelay: setting(
    duration({ maxMs: 60_000 }),
    '100ms',
    'The most a throttled send waits before it is tried again.',
  ),
  maxControlAnswers: setting(
    integer({ min: 1, max: 65_536 }),
    128,
    'Answers to a client (errors, probes) not yet written. Full: the gateway stops reading from this client.',
  ),
  throttle,
});

// Of a window granted: what follows a fresh Open at once, before Opened, always fits (docs/protocol.md, D13).
const windowMessages = integer({ min: 64, max: 1_000_000 });
const windowSize = size({ minBytes: 64 * KIB, maxBytes: GIB });

const session = section('Logical conversations. Over a limit a session is refused with SESSION_LIMIT.', {
  maxPerConnection: setting(integer({ min: 1, max: 1_000_000 }), 128, 'Sessions on one connection.'),
  maxPerClient: setting(integer({ min: 1, max: 1_000_000 }), 1_024, 'Sessions of one client ID.'),
  max: setting(integer({ min: 1, max: 10_000_000 }), 100_000, 'Sessions in all.'),
  idleTimeout: setting(duration({ zero: 'off' }), '30m', 'A session without a message for so long is ended.'),
  recentMessages: setting(
    integer({ min: 1, max: 10_000, zero: 'none' }),
    32,
    'Last messages of a client kept for routes that want them as context.',
  ),
  recentSize: setting(size({ minBytes: 1, maxBytes: 64 * MIB, zero: 'none' }), '64KiB', 'The same in bytes.'),
  resumeWindow: setting(
    duration(),
    '2m',
    'How long an opened session waits for its client after a lost connection, and how long the record of an ended one is kept.',
  ),
  windowMessages: setting(
    windowMessages,
    256,
    'Messages of a session in flight, sent and not acknowledged: what clients are granted, and what they are sent where they ask for no other.',
  ),
  windowSize: setting(windowSize, '1MiB', 'The same in bytes. One message always fits.'),
  maxWindowMessages: setting(
    windowMessages,
    4_096,
    'The largest window that a client may ask for. More is cut to it.',
  ),
  maxWindowSize: setting(windowSize, '16MiB', 'The same in bytes.'),
  waitingMessages: setting(
    queueMessages,
    512,
    'Messages of an opened session that wait for its window. Full: the overflow policy of its route acts.',
  ),
  waitingSize: setting(queueSize, '2MiB', 'The same in bytes. One message always fits.'),
  maxPayloadSize: setting(
    size({ minBytes: KIB, maxBytes: GIB }),
    '1MiB',
    'The largest payload over several messages. A single message may be as large as server.maxMessageSize.',
  ),
  ackDelay: setting(
    duration({ maxMs: 60_000 }),
    '50ms',
    'The longest an acknowledgement waits for company. Half a window of unacknowledged messages does not wait.',
  ),
  maxDetached: setting(
    integer({ min: 1, max: 10_000_000 }),
    10_000,
    'Sessions in all that wait for their client. Over it the costliest and oldest are ended.',
  ),
  maxDetachedSize: setting(
    size({ minBytes: KIB, maxBytes: 1_024 * GIB }),
    '256MiB',
    'The same in bytes of what they hold.',
  ),
  maxEnded: setting(
    integer({ min: 1, max: 10_000_000 }),
    20_000,
    'Records of ended sessions, from which a client that was away learns the end. Over it the oldest are forgotten.',
  ),
  maxEndedPerClient: setting(integer({ min: 1, max: 1_000_000 }), 1_024, 'The same of one client ID.'),
  maxEndedSize: setting(size({ minBytes: KIB, maxBytes: 64 * GIB }), '16MiB', 'The same in bytes.'),
});

const memory = section('The account of all buffered bytes, and what happens above its budget.', {
  budget: setting(
    size({ minBytes: 64 * KIB, maxBytes: 1_024 * GIB, zero: 'a quarter of the heap limit' }),
    0,
    'Bytes that all queues and sessions may hold together. Above it simple connections are not read, acknowledgements are withheld and sends of routes wait.',
  ),
  shedAfter: setting(
    duration(),
    '1s',
    'How long the account may stay above the budget before the costliest sessions are ended with OVERLOADED.',
  ),
});

const health = section(
  'Finding dead connections: whoever is silent is asked, whoever does not answer is ended.',
  {
    interval: setting(duration({ zero: 'off' }), '45s', 'How often connections are looked at.'),
    maxInactivity: setting(duration(), '2m', 'The silence after which a connection is probed.'),
    probeQueueTimeout: setting(
      duration(),
      '2s',
      'How long a probe may wait for its place among what is sent.',
    ),
    probeAnswerTimeout: setting(duration(), '10s', 'How long a client has to answer a probe.'),
  },
);

const metrics = section('What the gateway counts.', {
  reportInterval: setting(duration({ zero: 'off' }), '60s', 'How often the counts are written to the log.'),
});

const admin = section(
  'The HTTP address for operators: metrics, health, connections, revocations. It has no access control.',
  {
    enabled: setting(boolean(), true, 'Whether there is one.'),
    listen: setting(tcpAddress(), '127.0.0.1:9464', 'Where it listens. Keep it away from clients.'),
  },
);

/** Every key of the configuration, with its format, its default and its meaning. */
export const schema = {
  node,
  log,
  server,
  edge,
  balancers,
  auth,
  pool,
  stream,
  session,
  memory,
  health,
  metrics,
  admin,
  defaultRoute: setting(
    text(ROUTE_NAME, ROUTE_NAME_ALLOWED),
    'echo',
    'The route of a client that names none. It has to be one of routes.',
  ),
  routes: setting(
    routeMap(routeKinds),
    { echo: { kind: 'echo' } },
    'What sessions can talk to: for each a name, its kind and the options of that kind. The kind echo sends every message back; upstream gives each session to a backend of upstreams; conformance delays, fails and floods on request, for tests only. overflow is what happens to messages that wait when a client does not take them, allowedOverflow what a client may choose instead. Given anywhere, it replaces the default as a whole. In a variable or flag: one line of JSON.',
  ),
  rateLimits: setting(
    rateLimitMap(rateLimitOptions),
    {},
    'How much clients may send, and how often they may open something (docs/rate-limits.md): for each limit a name and its options. What several limits are for has to keep all of them. In a variable or flag: one line of JSON.',
  ),
  upstreams: setting(
    upstreamMap(upstreamOptions),
    {},
    'Backends in any language that routes of kind upstream give their sessions to (docs/upstreams.md): for each a name and its options. In a variable or flag: one line of JSON.',
  ),
  proxies: setting(
    proxyMap(proxyOptions),
    {},
    'gRPC services of other people that are passed on as they are (docs/proxies.md): for each proxy a name and its options. In a variable or flag: one line of JSON.',
  ),
};

/** The configuration as it is used: durations in milliseconds, sizes in bytes, all else as written. */
export type Config = Values<typeof schema>;
