import type { Credentials } from '../core/credentials.js';
import type { Identity } from '../core/identity.js';

/** What is asked of whoever decides who may call what. */
export interface CallGatekeeper {
  readonly takesTokens: boolean;
  /** Who is calling; undefined when they showed nothing, and have to. Throws or rejects with a SluiceError. Aborted, its answer is not waited for any more. */
  identify(credentials: Credentials, signal: AbortSignal): Identity | undefined | Promise<Identity>;
  /** Undefined when they may; a promise where somebody else has to be asked. Throws or rejects with a SluiceError. */
  mayOpen(
    question: {
      readonly identity: Identity;
      readonly action: 'call';
      readonly sessionId: '';
      /** The proxy's name. */
      readonly route: string;
      /** `package.Service/Method`. */
      readonly subject: string;
      readonly named: true;
      readonly peer: string;
    },
    signal: AbortSignal,
  ): undefined | Promise<void>;
  /** Somebody came, showed nothing, and was sent away: it counts as a failed attempt. */
  showedNothing(peer: string): void;
}
