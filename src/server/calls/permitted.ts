import { asRefusal, type Gatekeeper, type OpenQuestion } from '../gatekeeper.js';

export interface PermissionAsked {
  readonly gatekeeper: Gatekeeper;
  readonly question: OpenQuestion & { readonly action: NonNullable<OpenQuestion['action']> };
  /** Nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly onAllowed: () => void;
  readonly onRefused: (error: unknown) => void;
}

/** Goes on at once where nobody else has to be asked. What `onAllowed` throws refuses the call, too. */
export function ifPermitted(asked: PermissionAsked): void {
  const { gatekeeper, question, signal, onAllowed, onRefused } = asked;
  try {
    const answer = gatekeeper.mayOpen(question, signal);
    if (answer === undefined) {
      onAllowed();
      return;
    }
    answer.then(
      () => {
        if (signal.aborted) return;
        try {
          onAllowed();
        } catch (error) {
          onRefused(error);
        }
      },
      (error: unknown) => {
        if (!signal.aborted) onRefused(asRefusal(error));
      },
    );
  } catch (error) {
    onRefused(error);
  }
}
