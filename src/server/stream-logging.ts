import type { Clock } from '../core/clock.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import type { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ClientConnection, Owed } from '../pool/client-connection.js';
import { LogByCode } from './log-by-code.js';
import { claimedClient, RefusalLog } from './refusal-log.js';
import type { StreamInterceptor } from './stream-interceptor.js';

/**
 * One line when a stream opens (level debug) and one when it ends: who, how
 * long, how much, and why. Endings that the gateway chose are level info, and
 * so is a leave (a drain, a limit of the stream) that cut something off;
 * thousands of clients that come and go are not. Refusals are told in sum, and
 * so are streams that their clients, or the network, broke off.
 */
export function streamLogging(logger: Logger, clock: Clock): StreamInterceptor {
  const refusals = new RefusalLog(logger, clock);
  const brokenOff = new LogByCode(logger, clock, 'streams broken off by the other side');
  const budget = new LineBudget();
  return {
    opened(connection, routeName) {
      refusals.tellDue();
      brokenOff.tellDue();
      const { id, clientId, stream } = connection;
      logger.debug(
        {
          connection: id,
          client: clientId,
          peer: stream.peer,
          carrier: stream.carrier,
          method: stream.method,
          route: routeName,
        },
        'stream opened',
      );
    },
    refused(stream, error, clientId) {
      const fields = { client: clientId ?? claimedClient(stream), peer: stream.peer };
      logger.debug({ ...fields, code: error.code, reason: error.message }, 'stream refused');
      refusals.note(stream, error, fields.client);
    },
    ended(connection, end, error) {
      refusals.tellDue();
      brokenOff.tellDue();
      const { id, clientId, stream } = connection;
      const fields = {
        connection: id,
        client: clientId,
        peer: stream.peer,
        carrier: stream.carrier,
        end,
        ...(error === undefined ? {} : { reason: error.message }),
        ageMs: Math.round(clock.now() - connection.openedAt),
        messagesReceived: connection.messagesReceived,
        messagesSent: connection.messagesSent,
        bytesReceived: stream.bytesReceived,
        bytesSent: stream.bytesSent,
      };
      if (isBrokenOff(connection, end)) brokenOff.note(end, { client: clientId, peer: stream.peer });
      const what = worthTelling(connection, error);
      if (what === undefined) logger.debug(fields, 'stream ended');
      else if (budget.allows(clock.now()))
        logger.info({ ...fields, ...connection.owedAtEnd, ...budget.unsaid() }, what);
      else logger.debug(fields, what);
    },
  };
}

/** At most so many lines of this kind in so much time, whatever one client does. */
const MAX_LINES = 100;
const LINES_WINDOW_MS = 10_000;

/** Allows a bounded number of lines, and tells with the next how many were left out. */
class LineBudget {
  #since = -Infinity;
  #lines = 0;
  #unsaid = 0;

  allows(now: number): boolean {
    if (now - this.#since >= LINES_WINDOW_MS) {
      this.#since = now;
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines <= MAX_LINES) return true;
    this.#unsaid += 1;
    return false;
  }

  /** For the fields of an allowed line: how many like it were written at level debug only. */
  unsaid(): { readonly unsaid?: number } {
    if (this.#unsaid === 0) return {};
    const unsaid = this.#unsaid;
    this.#unsaid = 0;
    return { unsaid };
  }
}

/** It ended without a goodbye: the network went, or the client cancelled, which is how one that only follows a topic leaves. */
function isBrokenOff({ stream }: ClientConnection, end: ConnectionEnd): boolean {
  if (end === 'CANCELLED') return stream.method !== 'Subscribe';
  return end === 'LOST' || end === 'DEADLINE_EXCEEDED';
}

/** What to say at level info of a stream's end; undefined for an end as it should be. */
function worthTelling(connection: ClientConnection, error: SluiceError | undefined): string | undefined {
  if (error === undefined) return undefined;
  const isLeave = error.code === 'DRAINING' || error.code === 'STREAM_LIMIT';
  if (!isLeave) return 'stream ended by the gateway';
  return isOwed(connection.owedAtEnd) ? 'stream cut: its time to leave was over' : undefined;
}

function isOwed(owed: Owed | undefined): boolean {
  return owed !== undefined && owed.toRoutes + owed.toClient + owed.bytesInFlight > 0;
}
