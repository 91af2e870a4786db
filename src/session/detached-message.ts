import type { DataMessage } from '../wire/messages.js';

/** A message may pin at most this many times its own size of what it arrived in. */
const MAX_PINNED_RATIO = 2;

/**
 * The message, with its data copied where it is a small part of the network
 * chunk it arrived in: what is kept would otherwise keep the whole chunk.
 */
export function detached(message: DataMessage): DataMessage {
  const data = detachedBytes(message.data);
  return data === message.data ? message : { ...message, data };
}

/** The same for the data alone. */
export function detachedBytes(data: Uint8Array): Uint8Array {
  if (data.buffer.byteLength <= data.byteLength * MAX_PINNED_RATIO) return data;
  // A copy of its own (slice on a Buffer would share the memory again).
  return new Uint8Array(data);
}
