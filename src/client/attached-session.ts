import type { Clock } from '../core/clock.js';
import type { DataMessage, Welcome } from '../wire/messages.js';
import type { ClientError } from './client-error.js';

/**
 * A session as the connections that carry it see it. A connection asks it for
 * what is to be written and gives it what came; it knows no network.
 */
export interface AttachedSession {
  readonly id: string;
  /** Whether it was ever Opened. Until then its failure is for `open` to tell. */
  readonly wasOpened: boolean;
  /**
   * It has a place on a connection that has said Welcome: `next` now begins
   * with its Open, fresh or resuming. Also called while it has a place on an
   * older one: from then on nothing that one brings may be given to it
   * (protocol.md, D11). A session that is over is not attached.
   */
  attach(welcome: Welcome): void;
  /** Its connection is gone and there is no other yet. */
  detach(): void;
  /** The next message to write, numbered and with its ack; undefined: nothing now, it will `wake` its host. */
  next(): DataMessage | undefined;
  /** A message of this session came on the connection it is attached to. */
  receive(message: DataMessage): void;
  /** There is no connection for it, and there will be none: it is over, for this reason. */
  fail(error: ClientError): void;
}

/** What a session asks of whoever keeps its connections. May be called from within every method above. */
export interface SessionHost {
  readonly clock: Clock;
  /** It may have something to write: ask `next` in a later turn. */
  wake(session: AttachedSession): void;
  /** Its Open was answered, and it is open on the connection it is attached to. */
  opened(session: AttachedSession, resumed: boolean): void;
  /**
   * The gateway refused to open it, or has ended it, and it is to be opened
   * anew: take it off its connection and attach it again, no sooner than
   * `error.retry` and `retryAfterMs` say; on another gateway where this one leaves.
   */
  reopen(session: AttachedSession, error: ClientError, elsewhere: boolean): void;
  /** It is over for good: forget it. Called once. */
  over(session: AttachedSession): void;
}
