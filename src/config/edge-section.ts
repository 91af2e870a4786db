import { addressList } from './formats/address.js';
import { boolean } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { integer } from './formats/number.js';
import { KIB, MIB, size } from './formats/size.js';
import { textList } from './formats/text.js';
import { section, setting } from './setting.js';

const webSocket = section('Sessions over WebSocket, at /v1/stream.', {
  enabled: setting(boolean(), true, 'Whether there are any.'),
  pingInterval: setting(
    duration({ zero: 'off' }),
    '30s',
    'How often a WebSocket is pinged to learn whether the other side lives.',
  ),
  pongTimeout: setting(
    duration(),
    '10s',
    'How long a ping may stay unanswered before the connection is closed.',
  ),
});

const events = section('Server-sent events, at GET /v1/topics/{topic}.', {
  heartbeatInterval: setting(
    duration({ zero: 'off' }),
    '15s',
    'A comment is sent after so long without an event, so that nobody on the way takes the connection for dead.',
  ),
  retry: setting(
    duration({ maxMs: 3_600_000 }),
    '3s',
    'How long a browser is told to wait before it connects again. Sent away by a drain, each waits a random part of it.',
  ),
});

/** An origin as browsers write it (RFC 6454 section 6.2), or any. */
const ORIGIN = /^(?:\*|https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?)$/i;

export const edge = section(
  'The HTTP address: WebSocket, server-sent events, publishing with a plain request (docs/http.md).',
  {
    enabled: setting(boolean(), true, 'Whether there is one.'),
    listen: setting(
      addressList(),
      ['0.0.0.0:8080'],
      'Where browsers and plain HTTP clients connect. Port 0 lets the system choose. In a variable or flag: separated by commas.',
    ),
    tls: setting(
      boolean(),
      true,
      'Whether TLS is spoken here where server.tls names a certificate. False behind a balancer that ends TLS.',
    ),
    proxyProtocol: setting(
      boolean(),
      false,
      'Whether every connection begins with a PROXY protocol header, as server.proxyProtocol.',
    ),
    maxSockets: setting(
      integer({ min: 1, max: 1_000_000 }),
      6_000,
      'Network connections open at once. More are answered 503 as they arrive (where TLS is spoken: just closed), and counted.',
    ),
    handshakeTimeout: setting(
      duration(),
      '10s',
      'From accepting a socket until its PROXY protocol header is there, and from there until TLS is agreed.',
    ),
    headersTimeout: setting(duration(), '10s', "How long a request's headers may take to arrive."),
    requestTimeout: setting(duration(), '30s', 'How long a whole request may take to arrive.'),
    idleTimeout: setting(duration(), '1m', 'How long a connection is kept between two requests.'),
    maxHeaderSize: setting(
      size({ minBytes: KIB, maxBytes: MIB }),
      '16KiB',
      "The most a request's headers may take.",
    ),
    origins: setting(
      textList(ORIGIN, 'https://host, https://host:port or *', 64),
      [],
      'Pages of which other origins may use this address from a browser. Empty: only those that came from this address itself. * lets any page on the web in, as whoever its visitor is: dangerous. In a variable or flag: separated by commas.',
    ),
    queryToken: setting(
      boolean(),
      false,
      'Whether a token may come as the query parameter access_token, for EventSource, which can send no headers. Addresses end up in the logs of proxies and in histories.',
    ),
    webSocket,
    events,
  },
);
