import type { DataMessage } from '../../wire/messages.js';

/** What a windowed session needs of the connection that it is attached to. */
export interface SessionLink {
  readonly connectionId: string;
  /** Where its client is. */
  readonly peer: string;
  /** Whether so many answers wait unwritten that no further message may be handled. */
  readonly answersBlocked: boolean;
  /** Queues a word of the session's own (Opened, Error, ACK, Closed) ahead of all data. */
  write(message: DataMessage): void;
  /** There may be something for the session's lane to give. */
  wake(): void;
  /** Something is to be acknowledged: within `ackDelayMs`, on data or alone. */
  ackLater(): void;
  /** Something that waited has been handled. */
  progressed(): void;
  /** The session is attached here no more: it has ended, or was taken over. Called once, nothing after it. */
  left(): void;
}
