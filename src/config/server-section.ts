import { addressList } from './formats/address.js';
import { boolean, choice } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { decimal, integer } from './formats/number.js';
import { GIB, KIB, MIB, size } from './formats/size.js';
import { filePath } from './formats/text.js';
import { section, setting } from './setting.js';

const tls = section(
  'Encryption. Off while certificateFile is empty. The files are PEM; paths are relative to the working directory.',
  {
    certificateFile: setting(filePath(), '', 'The certificate chain the gateway shows. Empty: no TLS.'),
    keyFile: setting(filePath(), '', 'The private key of the certificate.'),
    clientCaFile: setting(
      filePath(),
      '',
      'The authorities whose client certificates are believed (mutual TLS).',
    ),
    requireClientCertificate: setting(boolean(), false, 'Refuse clients that show no valid certificate.'),
    minVersion: setting(
      choice(['TLSv1.2', 'TLSv1.3']),
      'TLSv1.2',
      'The oldest version of TLS that is spoken.',
    ),
    reloadInterval: setting(
      duration({ zero: 'off' }),
      '1m',
      'How often the files are looked at for a new certificate; a bad one is reported and the last good one kept.',
    ),
  },
);

export const server = section('The gRPC address: sockets, HTTP/2 and the limits of a single stream.', {
  listen: setting(
    addressList(),
    ['0.0.0.0:50051'],
    'Where clients connect. Port 0 lets the system choose. In a variable or flag: separated by commas.',
  ),
  proxyProtocol: setting(
    boolean(),
    false,
    'Whether every connection begins with a PROXY protocol header (version 1 or 2) that names its client. Only those of balancers.trusted are taken then.',
  ),
  streamHandler: setting(
    choice(['direct', 'grpc-js']),
    'direct',
    'What serves the streaming calls: the handler of our own, or the one of grpc-js, which is slower.',
  ),
  maxSockets: setting(
    integer({ min: 1, max: 1_000_000 }),
    6_000,
    'Network connections open at once. More are closed as they arrive, before any TLS, and counted.',
  ),
  maxConcurrentStreams: setting(
    integer({ min: 1, max: 1_000_000 }),
    1_024,
    'Streams open at once on one network connection.',
  ),
  maxMessageSize: setting(
    size({ minBytes: KIB, maxBytes: GIB }),
    '5MiB',
    'The largest message taken or sent, as encoded, and after inflating where it came compressed.',
  ),
  maxMetadataSize: setting(
    size({ minBytes: KIB, maxBytes: MIB }),
    '16KiB',
    'The most metadata (HTTP/2 headers) a call may bring.',
  ),
  handshakeTimeout: setting(
    duration(),
    '10s',
    'From accepting a socket until its PROXY protocol header is there, from there until TLS is agreed, and from there until HTTP/2 is.',
  ),
  idleTimeout: setting(
    duration({ zero: 'off' }),
    '5m',
    'How long a network connection may stay without any stream.',
  ),
  keepaliveInterval: setting(
    duration({ zero: 'off' }),
    '30s',
    'How often the gateway pings a network connection to learn whether the other side lives.',
  ),
  keepaliveTimeout: setting(
    duration(),
    '10s',
    'How long a ping may stay unanswered before the connection is closed.',
  ),
  minPingInterval: setting(
    duration({ zero: 'off' }),
    '15s',
    'Clients that ping more often are sent away (GOAWAY "too_many_pings").',
  ),
  permitPingsWithoutStreams: setting(
    boolean(),
    true,
    'Whether clients may ping while they have no stream open.',
  ),
  streamWindow: setting(
    size({ minBytes: KIB, maxBytes: GIB }),
    '64KiB',
    'HTTP/2 flow control: what a client may send on a stream ahead of its being read.',
  ),
  connectionWindow: setting(
    // RFC 9113 section 6.9.2: it starts at 65,535 bytes and can only be raised.
    size({ minBytes: 64 * KIB, maxBytes: GIB }),
    '1MiB',
    'HTTP/2 flow control: the same for all streams of a network connection together.',
  ),
  maxStreamAge: setting(
    duration({ zero: 'off' }),
    0,
    'A stream older than this is told to connect again, and ended ageGrace later.',
  ),
  maxStreamMessages: setting(
    integer({ min: 1, max: Number.MAX_SAFE_INTEGER, zero: 'off' }),
    0,
    'A stream that has carried so many messages, both ways together, is told to connect again.',
  ),
  maxStreamBytes: setting(
    size({ minBytes: KIB, maxBytes: 1_048_576 * GIB, zero: 'off' }),
    0,
    'A stream that has carried so many bytes, both ways together, is told to connect again.',
  ),
  maxConnectionAge: setting(
    duration({ zero: 'off' }),
    0,
    'A network connection older than this takes no new calls and is closed ageGrace later; its streams are told to connect again before, its proxied calls when they are ended.',
  ),
  ageJitter: setting(
    decimal({ min: 0, max: 1 }),
    0.1,
    'The share of an age limit by which it is varied at random, so that clients do not come back all at once.',
  ),
  ageGrace: setting(
    duration({ zero: 'no waiting' }),
    '30s',
    'From telling a client that a limit of age, messages or bytes is reached until its stream, or proxied call, is ended.',
  ),
  reflection: setting(
    boolean(),
    true,
    'Whether clients may ask the gateway for its services (gRPC reflection).',
  ),
  drainGrace: setting(
    duration({ zero: 'no waiting' }),
    '30s',
    'On leaving: the time queues have to empty and clients to go before what is left is cut.',
  ),
  drainQuiet: setting(
    // Such a stream is looked at as often.
    duration({ minMs: 10 }),
    '1s',
    'A stream that was told to leave is ended once nothing is owed to it and it has been silent for so long.',
  ),
  tls,
});
