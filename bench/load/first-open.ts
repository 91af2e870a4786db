import { randomBytes } from 'node:crypto';

import { openControl, type Open } from '../../src/wire/messages.js';

/** A first Open of the default route, with a token of its own and the windows that the server grants. */
export function firstOpen(changes: Partial<Omit<Open, 'action'>> = {}): Open {
  return openControl({ resumeToken: changes.resumeToken ?? randomBytes(16), attempt: 1, ...changes });
}
