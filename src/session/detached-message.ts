import type { DataMessage } from '../wire/messages.js';

/** A message may pin at most this many times its own size of what it arrived in. */
const MAX_PINNED_RATIO = 2;

/**
 * The message, with its data copied where it is a small part of the network
 * chunk it arrived in: what is kept would otherwise keep the whole chunk.
 */
export function detached(message: DataMessage): DataMessage {
  const { data } = message;
  if (data.buffer.byteLength <= data.byteLength * MAX_PINNED_RATIO) return message;
  // A copy of its own (slice on a Buffer would share the memory again).
  return { ...message, data: new Uint8Array(data) };
}
