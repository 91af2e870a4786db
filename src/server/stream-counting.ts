import { tally } from '../core/counters.js';
import type { ErrorCode } from '../core/errors.js';
import type { ServerCounters } from './server-counters.js';
import type { StreamInterceptor } from './stream-interceptor.js';

/** Endings that mean that something could not be sent. */
const SEND_FAILURES: ReadonlySet<ErrorCode> = new Set(['SLOW_CONSUMER', 'SEND_TIMEOUT']);

/** Counts streams that open, are refused and end. */
export function streamCounting(counters: ServerCounters): StreamInterceptor {
  return {
    opened({ stream }) {
      counters.connectionsAccepted += 1;
      tally(counters.connectionsBegun, stream.carrier);
    },
    refused(_stream, error) {
      tally(counters.connectionsRejected, error.code);
    },
    ended({ stream }, end, error) {
      tally(counters.connectionsOver, stream.carrier);
      tally(counters.connectionsEnded, end);
      if (error !== undefined && SEND_FAILURES.has(error.code)) tally(counters.sendErrors, error.code);
    },
  };
}
