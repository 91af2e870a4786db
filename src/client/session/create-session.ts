import { expect } from '../option-checks.js';
import type { AttachedSession, SessionHost } from '../attached-session.js';
import type { Interceptor } from '../interceptor.js';
import type { OpenOptions } from '../options.js';
import { Session } from './session.js';
import { sessionInterceptors } from './session-interceptors.js';
import { sessionSettings } from './session-options.js';
import { SessionProtocol } from './session-protocol.js';

export interface CreatedSession {
  readonly session: Session;
  /** For whoever keeps the connections. */
  readonly attached: AttachedSession;
  /** Resolves when it is open; rejects with the ClientError where it ends before it ever was. Nobody has to look. */
  readonly opened: Promise<void>;
}

/**
 * A new session, for a client to attach. Throws a TypeError or RangeError for
 * options that can't be.
 */
export function createSession(
  route: string,
  options: OpenOptions,
  interceptors: readonly Interceptor[],
  host: SessionHost,
): CreatedSession {
  expect('route', route, typeof route === 'string', 'a string');
  const protocol = new SessionProtocol({
    route,
    settings: sessionSettings(options),
    callbacks: options,
    host,
  });
  const session = new Session(route, protocol, (made) => sessionInterceptors(made, protocol, interceptors));
  return { session, attached: protocol, opened: protocol.opened };
}
