import type { Http2Server } from 'node:http2';

import type { Server } from '@grpc/grpc-js';

/**
 * The HTTP/2 server behind grpc-js's connection injector. It is private, and
 * the only way to see connections, pings and settings; so it is looked for
 * rather than relied on. Undefined when grpc-js no longer looks as expected.
 */
export function findHttp2Server(server: Server): Http2Server | undefined {
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown };
  if (!(http2Servers instanceof Map) || http2Servers.size !== 1) return undefined;
  const [found] = http2Servers.keys() as Iterable<unknown>;
  return isHttp2Server(found) ? found : undefined;
}

function isHttp2Server(value: unknown): value is Http2Server {
  return (
    typeof value === 'object' &&
    value !== null &&
    'on' in value &&
    typeof value.on === 'function' &&
    'updateSettings' in value &&
    typeof value.updateSettings === 'function'
  );
}
