import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { asRefusal, type Gatekeeper } from './gatekeeper.js';

/** The gatekeeper, its faults logged: a client is told no more of one than that nobody can say now (AUTH_UNAVAILABLE). */
export function guarded(gatekeeper: Gatekeeper, logger: Logger): Gatekeeper {
  let logged = false;
  const told = (error: unknown, signal: AbortSignal): SluiceError => {
    if (error instanceof SluiceError) return error;
    // Whoever asked is gone: that nobody was found out is no fault, and nobody hears of it.
    if (signal.aborted) return asRefusal(error);
    const fields = { err: error };
    // One that fails on every caller must not fill the log.
    if (logged) logger.debug(fields, 'a fault in telling who is calling');
    else
      logger.error(
        fields,
        'a fault in telling who is calling, or what they may; more of these at level debug',
      );
    logged = true;
    return asRefusal(error);
  };
  const tell = (error: unknown, signal: AbortSignal): never => {
    throw told(error, signal);
  };
  return {
    get takesTokens() {
      return gatekeeper.takesTokens;
    },
    identify(credentials, signal) {
      try {
        const identity = gatekeeper.identify(credentials, signal);
        return identity instanceof Promise
          ? identity.catch((error: unknown) => tell(error, signal))
          : identity;
      } catch (error) {
        return tell(error, signal);
      }
    },
    mayOpen(question, signal) {
      try {
        return gatekeeper.mayOpen(question, signal)?.catch((error: unknown) => tell(error, signal));
      } catch (error) {
        return tell(error, signal);
      }
    },
    showedNothing(peer) {
      gatekeeper.showedNothing(peer);
    },
  };
}
