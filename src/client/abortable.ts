import { onAbort } from '../core/on-abort.js';

/**
 * Resolves and rejects as `promise` does, unless the signal is aborted first:
 * then it rejects with the signal's reason. Leaves no listener. Whoever waits
 * no longer has nothing to do with how `promise` ends.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const detach = onAbort(signal, () => {
      reject(reasonOf(signal));
    });
    promise.then(resolve, reject).finally(detach);
  });
}

/** What an aborted wait rejects with: the signal's reason, whatever it is. */
export function reasonOf(signal: AbortSignal): Error {
  // An application may abort with anything; what it throws is its own.
  return signal.reason as Error;
}
