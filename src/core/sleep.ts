import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** Resolves after so many milliseconds; rejects with the signal's reason as soon as that is aborted. Leaves no timer and no listener. */
export function sleep(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      detach();
      resolve();
    }, ms);
    const detach = onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason as Error);
    });
  });
}
