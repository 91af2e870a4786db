/**
 * One piece of work that several wait for. Each may go away by itself; when the
 * last has gone, the work is told to stop.
 */
export class SharedWork<T> {
  readonly #stop = new AbortController();
  readonly #result: Promise<T>;
  readonly #onOver: () => void;
  #waiters = 0;
  #over = false;

  /** `work` never rejects. `onOver` comes once: when it has ended, or has been told to. */
  constructor(work: (signal: AbortSignal) => Promise<T>, onOver: () => void) {
    this.#onOver = onOver;
    this.#result = work(this.#stop.signal);
    void this.#result.then(() => {
      this.#end();
    });
  }

  /** The result; rejects with the signal's reason when that aborts first. Each waiter brings a signal of its own. */
  wait(signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        signal.removeEventListener('abort', onAbort);
        this.#leave();
        reject(reasonOf(signal));
      };
      this.#waiters += 1;
      signal.addEventListener('abort', onAbort);
      void this.#result.then((result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      });
    });
  }

  #leave(): void {
    this.#waiters -= 1;
    if (this.#waiters > 0) return;
    this.#end();
    this.#stop.abort();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
  }
}

export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
