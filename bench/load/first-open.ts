import { randomBytes } from 'node:crypto';

import type { Open } from '../../src/wire/messages.js';

/** A first Open of the default route, with a token of its own and the windows that the server grants. */
export function firstOpen(changes: Partial<Omit<Open, 'action'>> = {}): Open {
  return {
    action: 'open',
    route: '',
    subject: '',
    resumeToken: changes.resumeToken ?? randomBytes(16),
    lastReceivedSequence: 0,
    windowMessages: 0,
    windowBytes: 0,
    overflow: 0,
    history: 0,
    afterSequence: 0,
    resume: false,
    attempt: 1,
    ...changes,
  };
}
