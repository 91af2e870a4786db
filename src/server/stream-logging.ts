import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { StreamInterceptor } from './stream-interceptor.js';

/**
 * One line when a stream opens (level debug) and one when it ends: who, how
 * long, how much, and why. Endings that the gateway chose are level info;
 * thousands of clients that come and go are not.
 */
export function streamLogging(logger: Logger, clock: Clock): StreamInterceptor {
  return {
    opened(connection, routeName) {
      const { id, clientId, stream } = connection;
      logger.debug(
        { connection: id, client: clientId, peer: stream.peer, method: stream.method, route: routeName },
        'stream opened',
      );
    },
    refused(stream, error) {
      logger.debug({ peer: stream.peer, code: error.code, reason: error.message }, 'stream refused');
    },
    ended(connection, end, error) {
      const { id, clientId, stream } = connection;
      const fields = {
        connection: id,
        client: clientId,
        peer: stream.peer,
        end,
        ...(error === undefined ? {} : { reason: error.message }),
        ageMs: Math.round(clock.now() - connection.openedAt),
        messagesReceived: connection.messagesReceived,
        messagesSent: connection.messagesSent,
        bytesReceived: stream.bytesReceived,
        bytesSent: stream.bytesSent,
      };
      if (error === undefined || error.code === 'DRAINING' || error.code === 'STREAM_LIMIT') {
        logger.debug(fields, 'stream ended');
      } else {
        logger.info(fields, 'stream ended by the gateway');
      }
    },
  };
}
