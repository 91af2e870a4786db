/** What comes until the signal fires; then it ends, even while the next is still waited for. */
export async function* untilStopped<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const isStopped = (): boolean => signal.aborted;
  if (isStopped()) return;
  let stop: () => void = () => undefined;
  const onAbort = (): void => {
    stop();
  };
  signal.addEventListener('abort', onAbort);
  const iterator = source[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const result = await new Promise<IteratorResult<T, unknown> | undefined>((resolve, reject) => {
        stop = () => {
          resolve(undefined);
        };
        iterator.next().then(resolve, reject);
      });
      if (result === undefined) return;
      isDone = result.done === true;
      if (result.done === true) return;
      yield result.value;
      if (isStopped()) return;
    }
  } catch (error) {
    isDone = true;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Where it hangs, so does its return.
    if (!isDone) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
