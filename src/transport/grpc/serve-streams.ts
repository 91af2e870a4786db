import type { Server } from '@grpc/grpc-js';

import { attachDirectHandler } from './direct-handler.js';
import type { TransportLogger } from './limited-log.js';
import type { StreamHandlerOptions } from './stream-options.js';

/**
 * Serves StreamService by the handler asked for. Our own one needs a private
 * part of grpc-js: without it grpc-js's handler serves, with one log line.
 */
export function serveStreams(
  server: Server,
  handler: 'direct' | 'grpc-js',
  logger: TransportLogger,
  options: StreamHandlerOptions,
): void {
  if (handler === 'grpc-js') return;
  const attached = attachDirectHandler(server, options);
  if ('unsupported' in attached) {
    logger.warn(
      { reason: attached.unsupported },
      "streams are served by grpc-js's handler, not the direct one",
    );
  }
}
