import { encodedBound } from '../wire/codec.js';
import { type DataMessage, MAX_BATCH_MESSAGES } from '../wire/messages.js';

/**
 * A batch is split at this size (a larger message goes alone): most clients
 * refuse what is over 4 MiB, and a frame is decoded in one go at the far end.
 */
const MAX_BATCH_BYTES = 256 * 1024;
/** At most what tag and length of one message take within a batch. */
export const ENTRY_BOUND_BYTES = 6;

/** How far the batch that begins at `from` reaches: at least one message, and no larger than the peer takes. */
export function batchEnd(messages: readonly DataMessage[], from: number, maxMessageBytes: number): number {
  const maxBytes = Math.min(MAX_BATCH_BYTES, maxMessageBytes);
  let bytes = 0;
  let to = from;
  const limit = Math.min(messages.length, from + MAX_BATCH_MESSAGES);
  while (to < limit) {
    bytes += ENTRY_BOUND_BYTES + encodedBound(messages[to] as DataMessage);
    if (bytes > maxBytes && to > from) break;
    to += 1;
  }
  return to;
}
