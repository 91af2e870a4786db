import type { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { DataMessage } from '../wire/messages.js';

/** What a client has made of its connection: one with sessions, by its first words, or a call that is no stream. */
export type ConnectionKind = 'undecided' | 'simple' | 'windowed' | 'call';

/** A connection with who looks after it, whatever call it is. */
export interface Supervised {
  readonly connection: ClientConnection;
  readonly kind: ConnectionKind;
  /** It has begun, and who is told of beginnings was; before, it may still be refused. */
  readonly begun: boolean;
  readonly sessionCount: number;
  /** Held beside its queues: messages behind Opens that are not decided yet, pieces of an upload's payload. */
  readonly undecidedBytes: number;
  /** Whether some session has more for its client than its window lets out. */
  readonly waitForAcks: boolean;
  /** Queues control for the client, where there is a way to tell it something. */
  notify(message: DataMessage): void;
  /** Queues a HEALTH_CHECK; false when there is no room for it, or no way. */
  probe(sequence: number): boolean;
  /** The budget has room again. */
  relieve(): void;
  /** Has the client leave within `graceMs`; what is left then ends with `error`. */
  drain(graceMs: number, reason: string, error: SluiceError): void;
  /** Ends it with what was written so far and the status. The first call wins. */
  end(error?: SluiceError): void;
  /** Ends it without waiting for the peer to take anything. */
  abort(error: SluiceError): void;
}
