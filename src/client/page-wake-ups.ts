/** What a page has to listen to; each is there where the platform has it. */
type Target = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;
interface Page {
  readonly addEventListener?: unknown;
  readonly document?: Target & { readonly visibilityState: string };
}

/**
 * A page's timers are slowed down while nobody sees it, and stand still while
 * it is frozen or kept to be gone back to; its sockets may be closed meanwhile,
 * or dead. So when it is back (Page Lifecycle, https://wicg.github.io/page-lifecycle/),
 * or the network is, `wake` is called. Returns what takes the listeners away.
 */
export function pageWakeUps(wake: () => void): () => void {
  const page = globalThis as Page;
  const { document } = page;
  const seen = (): void => {
    if (document?.visibilityState !== 'hidden') wake();
  };
  const listened: (readonly [Target, string])[] = [];
  const listen = (target: Target, ...types: readonly string[]): void => {
    for (const type of types) {
      target.addEventListener(type, seen);
      listened.push([target, type]);
    }
  };
  if (document !== undefined) listen(document, 'visibilitychange', 'resume');
  if (page.addEventListener !== undefined) listen(page as Target, 'pageshow', 'online');
  return () => {
    for (const [target, type] of listened) target.removeEventListener(type, seen);
  };
}
