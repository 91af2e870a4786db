/**
 * Calls `act` once when the signal is aborted; at once where it is already.
 * Returns what takes the listener away: for when nobody waits any more.
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted === true) act();
  else signal?.addEventListener('abort', act, { once: true });
  return () => signal?.removeEventListener('abort', act);
}
