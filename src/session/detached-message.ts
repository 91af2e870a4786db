import { pinsLittle, type DataMessage } from '../wire/messages.js';

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
  if (pinsLittle(data)) return data;
  // A copy of its own (slice on a Buffer would share the memory again).
  return new Uint8Array(data);
}
