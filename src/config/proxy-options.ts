import { GrpcStatus } from '../core/errors.js';
import { backendAddresses } from './formats/address.js';
import { boolean, choices } from './formats/choice.js';
import { duration } from './formats/duration.js';
import { list } from './formats/list.js';
import { decimal, integer } from './formats/number.js';
import type { Options } from './formats/options.js';
import { relativePath } from './formats/relative-path.js';
import { serviceList } from './formats/services.js';
import { GIB, KIB, size } from './formats/size.js';
import { text } from './formats/text.js';
import { setting } from './setting.js';

type StatusName = keyof typeof GrpcStatus;

/** What a call may be made again for: every status but OK. */
const RETRIABLE = (Object.keys(GrpcStatus) as StatusName[]).filter((name) => name !== 'OK');

const PROTO_FILES = 'at most 64 paths of .proto files';
const FOLDERS = 'at most 64 paths of folders';

/** What a proxy may be given. */
export const proxyOptions = {
  services: setting(
    serviceList(),
    [],
    'The services that are passed on, by their full names. Left out, they are those of proto, or all that reflection names.',
  ),
  upstream: setting(
    text(/^[A-Za-z0-9._-]{0,64}$/, 'the name of one of upstreams'),
    '',
    'Where calls go: one of upstreams. Either this or addresses has to be given.',
  ),
  addresses: setting(
    backendAddresses(),
    [],
    'The short form: an upstream of its own, of the name of the proxy and with the default options, at these addresses.',
  ),
  proto: setting(
    list(relativePath('the path of a .proto file'), {
      allowed: PROTO_FILES,
      summary: PROTO_FILES,
      minItems: 0,
      maxItems: 64,
      item: 'path',
    }),
    [],
    'The .proto files of the services: then only methods that they name are passed on, and reflection by clients knows them. Relative to the file that names them. Imports are looked for in importPaths, beside the file, and among those that every compiler has (google/protobuf).',
  ),
  importPaths: setting(
    list(relativePath('the path of a folder'), {
      allowed: FOLDERS,
      summary: FOLDERS,
      minItems: 0,
      maxItems: 64,
      item: 'path',
    }),
    [],
    'Folders that imports in proto are relative to, as of "protoc -I". Relative to the file that names them.',
  ),
  reflection: setting(
    boolean(),
    false,
    'In the place of proto: the backend is asked for its services and methods, at the start and when it was away (gRPC reflection).',
  ),
  maxCalls: setting(
    integer({ min: 1, max: 1_000_000 }),
    1_000,
    'Calls under way at a time. One more is refused with CALL_LIMIT.',
  ),
  maxCallsPerClient: setting(
    integer({ min: 1, max: 1_000_000 }),
    100,
    'The same of one client ID; the smaller of the two holds. Anonymous clients that name no x-client-id get an ID with each call.',
  ),
  maxMessageSize: setting(
    size({ minBytes: 1, maxBytes: GIB }),
    '5MiB',
    'The largest message, either way, as it is on the wire. A larger one ends its call with RESOURCE_EXHAUSTED.',
  ),
  queueSize: setting(
    size({ minBytes: KIB, maxBytes: GIB }),
    '256KiB',
    'What the gateway holds of a call in each direction, beside what the flow control of HTTP/2 lets in, before it stops reading the side that sends. One chunk of the network more may come.',
  ),
  queueMessages: setting(
    integer({ min: 1, max: 1_000_000, zero: 'no limit' }),
    0,
    'The same in messages: so many are held, and the sender is not read.',
  ),
  idleTimeout: setting(
    duration({ zero: 'off' }),
    0,
    'A call on which no byte goes either way for so long ends with CALL_IDLE, also one whose other side does not read.',
  ),
  messagesPerSecond: setting(
    decimal({ min: 0.001, max: 10_000_000, zero: 'off' }),
    0,
    'Messages of one call that are taken from its client in a second. More are not dropped: they wait with the client.',
  ),
  bytesPerSecond: setting(
    size({ minBytes: KIB, maxBytes: 1_024 * GIB, zero: 'off' }),
    0,
    'The same in bytes.',
  ),
  maxAttempts: setting(
    integer({ min: 1, max: 5 }),
    1,
    'How often a call is made in all while its backend answers with a status of retryOn before anything else (gRFC A6). 1: never again, save where nothing of it reached a backend. Raise it for services whose methods do no harm when they are called twice.',
  ),
  retryOn: setting(choices(RETRIABLE), ['UNAVAILABLE'], 'The statuses that a call is made again for.'),
  retryBufferSize: setting(
    size({ minBytes: KIB, maxBytes: GIB }),
    '64KiB',
    'What is kept of a request to be sent again. A call whose request has grown larger is not made again.',
  ),
} as const satisfies Options;
