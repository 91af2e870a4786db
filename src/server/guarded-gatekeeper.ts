import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { asRefusal, type Gatekeeper } from './gatekeeper.js';

/** The gatekeeper, its faults logged: a client is told no more of one than that nobody can say now (AUTH_UNAVAILABLE). */
export function guarded(gatekeeper: Gatekeeper, logger: Logger): Gatekeeper {
  let logged = false;
  const told = (error: unknown): SluiceError => {
    if (error instanceof SluiceError) return error;
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
  const tell = (error: unknown): never => {
    throw told(error);
  };
  return {
    get takesTokens() {
      return gatekeeper.takesTokens;
    },
    identify(credentials, signal) {
      try {
        const identity = gatekeeper.identify(credentials, signal);
        return identity instanceof Promise ? identity.catch(tell) : identity;
      } catch (error) {
        return tell(error);
      }
    },
    mayOpen(question, signal) {
      try {
        return gatekeeper.mayOpen(question, signal)?.catch(tell);
      } catch (error) {
        return tell(error);
      }
    },
    showedNothing(peer) {
      gatekeeper.showedNothing(peer);
    },
  };
}
