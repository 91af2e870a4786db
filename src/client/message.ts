import type { ClientError } from './client-error.js';

export type { GapNotice } from './gap-notice.js';

/** What the application receives: one message, or a payload of several put together. */
export interface Message {
  readonly data: Uint8Array;
  /** `data` as UTF-8. Throws a TypeError where it is none. */
  readonly text: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** "" where there is none. */
  readonly key: string;
  /** Its number in this session and direction, from 1; of a payload, of its last piece. 0 of what is not numbered. */
  readonly sequence: number;
  /** The sender's clock, Unix milliseconds; 0 where it said nothing. */
  readonly timestampMs: number;
  /** Only where pieces were asked for: the payload goes on in the next message. */
  readonly more: boolean;
}

/** What can be sent: bytes, or text as UTF-8. Bytes must not be changed before the send has resolved and been acknowledged. */
export type Payload = Uint8Array | string;

export interface SendOptions {
  /** At most 64 entries. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** For conflation and partitioning. Default "". */
  readonly key?: string;
  /** Not worth delivering later than this, in milliseconds; in the buffer here too. Default: always worth it. */
  readonly ttlMs?: number;
  /**
   * A piece: the payload goes on with the next send. Default false. Where a piece is refused (BUFFER_FULL,
   * MESSAGE_TOO_LARGE), so is what goes on with it, up to the piece that ends it, DROPPED; where a part of it was
   * sent by then, the session ends with that error: what came next would be taken for the rest.
   */
  readonly more?: boolean;
  /**
   * Ends the wait, not what was sent: after it was given a place, `send` resolves all the same. A piece of a
   * payload stays where it waits, for without it the others would be another payload.
   */
  readonly signal?: AbortSignal;
}

/** A message or, where it was divided, a payload of ours whose fate is not known, or that was not handled. */
export interface UnsettledMessage {
  readonly data: Uint8Array;
  readonly metadata: ReadonlyMap<string, string>;
  readonly key: string;
  readonly more: boolean;
}

/** How a session ended. */
export interface SessionEnd {
  /** Undefined where it was closed as its application or its route asked. */
  readonly error: ClientError | undefined;
  /** What was received and not taken when, or after, `close` was called: acknowledged, and given to nobody. */
  readonly discarded: number;
  /**
   * Messages sent that the route failed on, or that were too large, of which nobody was told: nobody waited for
   * them, there is no `onFailure`, and no read had thrown their errors by then.
   */
  readonly failed: number;
  /** What was sent and not acknowledged, in order: after RESET of the first it is not known whether it was handled, else it was not finished. */
  readonly unsettled: readonly UnsettledMessage[];
  /** What waited in the buffer and was never sent. */
  readonly unsent: readonly UnsettledMessage[];
}
