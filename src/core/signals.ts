import { onAbort } from './on-abort.js';

/** The signal of one piece of work: aborted by itself, or with any of its parents. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Lets go of the parents: when the work is done, whichever way. Idempotent. */
  unlink(): void;
}

/**
 * Instead of `AbortSignal.any`, which keeps every composition alive for as long
 * as a parent lives. Whoever links has to `unlink`.
 */
export function linkAbort(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const controller = new AbortController();
  const listeners: (() => void)[] = [];
  const unlink = (): void => {
    for (const remove of listeners.splice(0)) remove();
  };
  const abort = (reason: unknown): void => {
    unlink();
    controller.abort(reason);
  };
  for (const parent of parents) {
    if (parent === undefined) continue;
    if (parent.aborted) {
      abort(parent.reason);
      break;
    }
    listeners.push(
      onAbort(parent, () => {
        abort(parent.reason);
      }),
    );
  }
  return { signal: controller.signal, abort, unlink };
}

/**
 * Says that more than ten may wait for this signal at once: Node.js 20 takes that
 * for a leak, and says so on stderr.
 */
export function takeManyListeners(signal: AbortSignal): void {
  // Without an import: this file is part of what a browser loads, too.
  const node = globalThis.process as Pick<NodeJS.Process, 'getBuiltinModule'> | undefined;
  node?.getBuiltinModule('node:events').setMaxListeners(0, signal);
}
