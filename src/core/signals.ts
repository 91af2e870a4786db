/** Does nothing; the detach function of a link that was never made. */
function nothing(): void {
  // Nothing was attached.
}

/**
 * Aborts `controller` when `parent` aborts, with the parent's reason. Returns
 * the function that undoes the link; call it when the child is done.
 * Used instead of `AbortSignal.any`, which keeps every composition of a
 * long-lived parent alive for as long as the parent lives.
 */
export function linkAbort(parent: AbortSignal, controller: AbortController): () => void {
  if (parent.aborted) {
    controller.abort(parent.reason);
    return nothing;
  }
  const onAbort = (): void => {
    controller.abort(parent.reason);
  };
  parent.addEventListener('abort', onAbort, { once: true });
  return () => {
    parent.removeEventListener('abort', onAbort);
  };
}
