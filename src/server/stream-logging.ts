import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Owed } from '../pool/client-connection.js';
import { claimedClient, RefusalLog } from './refusal-log.js';
import type { StreamInterceptor } from './stream-interceptor.js';

/**
 * One line when a stream opens (level debug) and one when it ends: who, how
 * long, how much, and why. Endings that the gateway chose are level info, and
 * so is a leave (a drain, a limit of the stream) that cut something off;
 * thousands of clients that come and go are not. Refusals are told in sum.
 */
export function streamLogging(logger: Logger, clock: Clock): StreamInterceptor {
  const refusals = new RefusalLog(logger, clock);
  return {
    opened(connection, routeName) {
      refusals.tellDue();
      const { id, clientId, stream } = connection;
      logger.debug(
        { connection: id, client: clientId, peer: stream.peer, method: stream.method, route: routeName },
        'stream opened',
      );
    },
    refused(stream, error) {
      const fields = { client: claimedClient(stream), peer: stream.peer };
      logger.debug({ ...fields, code: error.code, reason: error.message }, 'stream refused');
      refusals.note(stream, error);
    },
    ended(connection, end, error) {
      refusals.tellDue();
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
      if (error === undefined) {
        logger.debug(fields, 'stream ended');
      } else if (error.code !== 'DRAINING' && error.code !== 'STREAM_LIMIT') {
        logger.info(fields, 'stream ended by the gateway');
      } else if (isOwed(connection.owedAtEnd)) {
        logger.info({ ...fields, ...connection.owedAtEnd }, 'stream cut: its time to leave was over');
      } else {
        logger.debug(fields, 'stream ended');
      }
    },
  };
}

function isOwed(owed: Owed | undefined): boolean {
  return owed !== undefined && owed.toRoutes + owed.toClient + owed.bytesInFlight > 0;
}
