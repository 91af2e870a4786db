import type { ClientError } from './client-error.js';
import type { GapNotice, UnsettledMessage } from './message.js';

/** A bound in messages and in bytes of data, key and metadata. */
export interface Bound {
  readonly messages: number;
  readonly bytes: number;
}

/** What happens to what waits when there is no room: as the gateway's policies (docs/protocol.md). */
export type Overflow = 'block' | 'drop-oldest' | 'drop-newest' | 'conflate' | 'disconnect';

/** Where the gateway no longer had the session, and it was opened afresh. */
export interface Reset {
  /** Why: RESET, or the code with which the gateway ended it. */
  readonly error: ClientError;
  /** What was sent and not acknowledged, in order: of the first it is not known whether it was handled. */
  readonly unsettled: readonly UnsettledMessage[];
  /**
   * Sends `unsettled` again, ahead of all that waits; save pieces of a payload whose beginning was handled: they
   * are dropped (`onDrop`, 'reset'). Only within `onReset`.
   */
  readonly resend: () => void;
}

/**
 * Why a message was dropped: the buffer was full, its time to live was over, or it was a piece of a payload whose
 * beginning was handled before a reset, so that it can't be sent again.
 */
export type DropReason = 'overflow' | 'expired' | 'reset';

export interface OpenOptions {
  /**
   * Default: made up. Printable, 1 to 128 characters. A session of this client ID that has it is replaced where it
   * waits for its client; where it is connected this one is refused, SESSION_IN_USE.
   */
  readonly id?: string;
  /** What of the route is wanted, where it has something to choose. */
  readonly subject?: string;
  /**
   * Of a topic: begin after this sequence of it (`x-topic-sequence` of the last message that was handled). 0: not.
   * A session that is opened afresh (`onReset`) begins there again.
   */
  readonly afterSequence?: number;
  /** Of a topic: how many of the messages it holds come first, where `afterSequence` names no place. Default 0. */
  readonly history?: number;
  /** What this side holds of what it was sent and has not acknowledged. Default 256 messages, 1 MiB. */
  readonly window?: Partial<Bound>;
  /** What the gateway does with what waits for us. Default: the route's. */
  readonly overflow?: Overflow;
  /** What waits here for the gateway, connected or not, and what happens when that is full. Default 512 messages, 2 MiB, block. */
  readonly buffer?: Partial<Bound> & { readonly overflow?: Overflow };
  /** Each piece of a payload as it comes, instead of the payload. Default false. */
  readonly pieces?: boolean;
  /** Told of what was lost on the way to us, at its place in the order. Without it iteration throws a GAP. */
  readonly onGap?: (gap: GapNotice) => void;
  /** Told when the session had to be opened afresh. Without it the session ends with RESET, or the gateway's code. */
  readonly onReset?: (reset: Reset) => void;
  /** Told when the route failed on a message that nobody waits for (`send`). Without it iteration throws that error. */
  readonly onFailure?: (error: ClientError, message: UnsettledMessage) => void;
  /** Told of what was dropped here, and never sent or not sent again. */
  readonly onDrop?: (message: UnsettledMessage, reason: DropReason) => void;
  /** Ends the wait for the session to be open; not the session. */
  readonly signal?: AbortSignal;
}
