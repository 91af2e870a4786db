import { addressList } from './formats/address.js';
import { boolean } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { integer } from './formats/number.js';
import { KIB, MIB, size } from './formats/size.js';
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
      'Network connections open at once. More are closed as they arrive, and counted.',
    ),
    handshakeTimeout: setting(duration(), '10s', 'From accepting a socket until its PROXY protocol header is there, and from there until TLS is agreed.'),
    headersTimeout: setting(duration(), '10s', "How long a request's headers may take to arrive."),
    requestTimeout: setting(duration(), '30s', 'How long a whole request may take to arrive.'),
    idleTimeout: setting(duration(), '1m', 'How long a connection is kept between two requests.'),
    maxHeaderSize: setting(
      size({ minBytes: KIB, maxBytes: MIB }),
      '16KiB',
      "The most a request's headers may take.",
    ),
    webSocket,
  },
);
