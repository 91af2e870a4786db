import type { Timer } from '../../core/clock.js';
import type { CommandIo } from '../frame/command-io.js';

/** Who has pressed Ctrl-C waits a little for what is under way, not for what may never come. Milliseconds. */
const GRACE_MS = 1500;

/** Resolves when `work` has settled or, once the signal has fired or `isOver`, soon. */
export function withinGrace(
  { signal, clock }: Pick<CommandIo, 'signal' | 'clock'>,
  work: Promise<unknown>,
  isOver = false,
): Promise<void> {
  return new Promise((resolve) => {
    let timer: Timer | undefined;
    const settle = (): void => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = (): void => {
      timer = clock.setTimeout(settle, GRACE_MS);
    };
    if (signal.aborted || isOver) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(settle, settle);
  });
}
