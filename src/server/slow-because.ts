import type { ClientConnection } from '../pool/client-connection.js';

/** Who or what holds a connection up: its client's wish, the throttle, the client or its network, its client's acks, its routes. */
export type SlowReason = 'paused' | 'throttled' | 'client' | 'acks' | 'route';

/** A connection, and whether some session of it has more for its client than its window lets out. */
export interface Looked {
  readonly connection: ClientConnection;
  readonly waitForAcks: boolean;
}

/**
 * Why messages wait on this connection now; null where nothing holds them.
 * Read from the client's end: what a client does not take fills the queues
 * behind it, up to those that a slow route would fill too.
 */
export function slowBecause({ connection, waitForAcks }: Looked, sendBufferBytes: number): SlowReason | null {
  const { sendQueue, receiveQuota, stream, throttled, readingStopped } = connection;
  // Paused as a whole, or in every session that has something waiting.
  if (sendQueue.paused || (sendQueue.quota.messages > 0 && !sendQueue.hasReadyData)) return 'paused';
  if (throttled) return 'throttled';
  if (stream.bytesInFlight >= sendBufferBytes) return 'client';
  if (waitForAcks) return 'acks';
  // A route whose sends wait for room is not slow itself.
  if (!sendQueue.hasWaiting && (readingStopped || receiveQuota.room === 0)) return 'route';
  return null;
}
