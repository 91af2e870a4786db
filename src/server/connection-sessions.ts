import type { DropReason } from '../core/counters.js';
import type { SluiceError } from '../core/errors.js';
import type { DataMessage, Open, Window } from '../wire/messages.js';

/** A session as its connection's receive loop meets it. */
export interface Receiving {
  readonly sessionId: string;
  /** Data of the client, with whatever rides on it. */
  receive(message: DataMessage, now: number): void;
}

/** The sessions of one connection, simple or windowed: what its client says of them goes to them. */
export interface ConnectionSessions {
  readonly size: number;
  /** Held of messages behind Opens that are not decided yet. */
  readonly undecidedBytes: number;
  /** Whether some session has data that its client has not paused. */
  readonly hasDataToGo: boolean;
  /** Whether some session has more for its client than its window lets out. */
  readonly waitForAcks: boolean;
  /** After a half-close: everything received is handled, and what may be sent is. */
  readonly isDone: boolean;
  /** Whether nothing is to be read meanwhile: who may open what is being asked. */
  readonly holdsReading: boolean;
  /** Whether a client that leaves now would leave something unfinished. */
  readonly oweSomething: boolean;
  /** The session that data is for; undefined when it was refused (and the client told, where it is to be). */
  receiverOf(sessionId: string): Receiving | undefined;
  /** Keeps a message about a session whose Open is undecided until it is; whether it did. */
  defers(message: DataMessage): boolean;
  /** An ACK, or an ack that rides on something else than data. */
  acknowledge(message: DataMessage): void;
  open(sessionId: string, open: Open): void;
  close(sessionId: string): void;
  pause(sessionId: string): void;
  resume(sessionId: string): void;
  changeWindow(sessionId: string, change: Window): void;
  /** The client has said its last word: it can't resume what it has paused. */
  resumeAll(): void;
  /** The client's permissions may have changed: what they no longer cover is closed. */
  identityChanged(): void;
  /** Handles what waited for room among the answers. */
  pump(): void;
  /** The connection is over, with `error` or, without one, because its client is done or gone. */
  release(reason: DropReason, error: SluiceError | undefined): void;
}
