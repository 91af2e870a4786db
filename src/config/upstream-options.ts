import { backendAddresses } from './formats/address.js';
import { duration } from './formats/duration.js';
import { integer } from './formats/number.js';
import type { Options } from './formats/options.js';
import { GIB, KIB, size } from './formats/size.js';
import { filePath, text } from './formats/text.js';
import { setting } from './setting.js';

/** What an upstream may be given. */
export const upstreamOptions = {
  addresses: setting(
    backendAddresses(),
    [],
    'Where its backends are; a name is looked up anew for each connection. It has to be given.',
  ),
  healthService: setting(
    text(/^[\x21-\x7e]{0,256}$/, 'at most 256 printable characters without spaces'),
    '',
    'The service whose health is asked for by grpc.health.v1.Health/Watch; empty is the backend as a whole. A backend without that method is taken to be well while it can be connected to.',
  ),
  connectTimeout: setting(
    duration({ maxMs: 600_000 }),
    '5s',
    'For a connection: TCP, TLS and HTTP/2 together.',
  ),
  keepaliveInterval: setting(
    duration({ zero: 'never' }),
    '6m',
    'A backend with calls or sessions that was not heard from for so long is pinged. Servers of gRPC end connections that ping more often than every 5 minutes, unless they are told otherwise: shorten both.',
  ),
  keepaliveTimeout: setting(
    duration(),
    '20s',
    'How long a backend that was pinged has to be heard from; then its connection is given up.',
  ),
  backoffFirst: setting(
    duration({ maxMs: 600_000 }),
    '100ms',
    'The longest wait before the first new try of what failed (a connection, a watch of health, a stream). It doubles with each failure, and any part of it is waited, by chance.',
  ),
  backoffMax: setting(duration({ maxMs: 3_600_000 }), '5s', 'The longest it becomes.'),
  breakerFailures: setting(
    integer({ min: 1, max: 1_000_000 }),
    5,
    'So many streams in a row that failed at an address before it did anything open its circuit breaker: it is given none for breakerPause, then one to try.',
  ),
  breakerPause: setting(
    duration({ maxMs: 3_600_000 }),
    '5s',
    'How long an open circuit breaker stays open. It is cut short, once, when the backend says anew that it is serving.',
  ),
  maxSessions: setting(
    integer({ min: 1, max: 10_000_000, zero: 'no limit' }),
    0,
    'Sessions at one address. Further ones go to the others, or wait.',
  ),
  streamsPerConnection: setting(
    integer({ min: 1, max: 1_000_000 }),
    100,
    'Sessions on one network connection; the limit of the backend holds too.',
  ),
  streamWindow: setting(
    size({ minBytes: 65_535, maxBytes: GIB }),
    '256KiB',
    'What a backend may have sent on one stream that its client has not made room for.',
  ),
  maxMessageSize: setting(
    size({ minBytes: KIB, maxBytes: GIB }),
    '5MiB',
    'The largest message, or payload over several, that is taken from a backend. A larger one ends its session with MESSAGE_TOO_LARGE.',
  ),
  ackTimeout: setting(
    duration({ zero: 'off' }),
    '30s',
    'A backend that acknowledges nothing for so long, though it was sent messages, loses the session to another.',
  ),
  maxAttempts: setting(
    integer({ min: 1, max: 1_000, zero: 'no limit' }),
    5,
    'So many streams in a row that ended over the same message, and it fails with ROUTE_FAILED.',
  ),
  unavailableAfter: setting(
    duration({ zero: 'never' }),
    '30s',
    'How long messages wait for a backend before they fail with UPSTREAM_UNAVAILABLE; once no backend has been there for so long, new sessions are refused with it.',
  ),
  closeGrace: setting(
    duration({ maxMs: 3_600_000 }),
    '5s',
    'From the end of a session until its stream is given up, where the backend does not end it by itself.',
  ),
  caFile: setting(
    filePath(),
    '',
    'PEM file of the authorities that sign the certificates of backends with grpcs://. Empty: those that Node.js trusts.',
  ),
  certificateFile: setting(filePath(), '', 'PEM file of the certificate that such backends are shown.'),
  keyFile: setting(filePath(), '', 'PEM file of its private key.'),
  serverName: setting(
    text(/^[\x21-\x7e]{0,253}$/, 'a host name'),
    '',
    "The name that such backends' certificates are for, where it is not the host of the address.",
  ),
} as const satisfies Options;
