import type { Clock } from '../../core/clock.js';
import type { Turn } from '../../core/turn.js';
import type { StreamAcceptor } from '../contract.js';
import type { ForwardedPeers } from '../net/forwarded.js';
import type { BufferAccount } from '../../flow/held-bytes.js';

/** What both ways of serving streams over gRPC need. */
export interface StreamHandlerOptions {
  readonly accept: StreamAcceptor;
  readonly clock: Clock;
  /** Where balancers name their clients in a header. */
  readonly forwarded?: ForwardedPeers | undefined;
  /** Shared with who answers, so that what a turn brings is answered in it. Default: one of its own. */
  readonly turn?: Turn | undefined;
  /** The largest message taken, inflated or not, without its prefix (`server.maxMessageSize`). */
  readonly maxMessageBytes: number;
  /** Where what streams hold is counted: what arrived and was not handed over, what was sent and has not left. */
  readonly account?: BufferAccount | undefined;
  /** Told of exceptions that a receiver let escape; the stream has been ended INTERNAL. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * How long a stream whose deadline has passed may take to send its status when
 * flow control holds it; then it is reset.
 */
export const DEADLINE_FLUSH_MS = 1_000;
