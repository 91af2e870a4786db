import { integer } from './formats/number.js';
import type { Options } from './formats/options.js';
import { permissionList } from './formats/permissions.js';
import { GIB, size } from './formats/size.js';
import { setting } from './setting.js';

/** What a class of clients may be given. */
export const clientClass = {
  permissions: setting(
    permissionList(),
    [],
    'What clients of the class may do, where their token says nothing of it. None: nothing.',
  ),
  maxConnections: setting(
    integer({ min: 1, max: 1_000_000, zero: 'pool.maxConnectionsPerClient' }),
    0,
    'Connections of one client ID.',
  ),
  maxSessions: setting(
    integer({ min: 1, max: 1_000_000, zero: 'session.maxPerClient' }),
    0,
    'Sessions of one client ID.',
  ),
  messagesPerSecond: setting(
    integer({ min: 1, max: 1_000_000_000, zero: 'stream.throttle.messagesPerSecond' }),
    0,
    'Messages a second that one connection is sent.',
  ),
  bytesPerSecond: setting(
    size({ minBytes: 1, maxBytes: 1_024 * GIB, zero: 'stream.throttle.bytesPerSecond' }),
    0,
    'Bytes a second that one connection is sent.',
  ),
} as const satisfies Options;
