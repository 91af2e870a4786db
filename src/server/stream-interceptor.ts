import type { ConnectionEnd } from '../core/connection-end.js';
import type { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { TransportStream } from '../transport/contract.js';

/** Told of every stream's beginning and end; for logging, metrics and the like. Must not throw. */
export interface StreamInterceptor {
  opened?(connection: ClientConnection, routeName: string): void;
  /** Refused before it became a connection. `clientId`: whose it is, where that was found out. */
  refused?(stream: TransportStream, error: SluiceError, clientId: string | undefined): void;
  /** Over and done: nothing of it is left. `error` is the gateway's, where it ended the stream. */
  ended?(connection: ClientConnection, end: ConnectionEnd, error: SluiceError | undefined): void;
}
