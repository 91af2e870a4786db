import type { Identity } from '../../src/core/identity.js';

/** Everybody, where nobody has to say who they are. */
export function anonymousIdentity(clientId: string): Identity {
  return {
    clientId,
    method: 'anonymous',
    clientClass: 'default',
    limits: {},
    expiresAtMs: undefined,
    allows: () => true,
    allowsSomewhere: () => true,
  };
}
