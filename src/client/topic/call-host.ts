import type { Clock } from '../../core/clock.js';
import type { CallEnd, CallMetadata, Connector } from '../../transport/client-contract.js';
import type { ClientError } from '../client-error.js';

/** Where a call goes, and as whom. */
export interface CallPlace {
  readonly connector: Connector;
  readonly metadata: CallMetadata;
}

/** What Publish, Subscribe and Ingest ask of the client that makes them. */
export interface CallHost {
  readonly clock: Clock;
  /** Aborted when the client is closed, with a ClientError CLOSED as its reason. */
  readonly closing: AbortSignal;
  /** For how long something that was never answered is tried, in milliseconds; 0: once. */
  readonly patienceMs: number;
  /** How long a gateway may be silent at first, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** For the next attempt: another address where the last one failed, a token that still holds. Rejects with a ClientError, or the signal's reason. */
  place(signal: AbortSignal): Promise<CallPlace>;
  /** A call ended with this; where nobody was reached, the next place is another. */
  failed(place: CallPlace, end: CallEnd): ClientError;
  /** How long to wait before the next attempt after so many failures in a row (0: the first), in milliseconds. */
  waitMs(failures: number, error: ClientError): number;
}
