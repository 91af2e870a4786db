import { givenUpOf } from './given-up.js';
import type { Route, RouteHandler, RouteSession } from '../session/route.js';
import { detached } from '../session/detached-message.js';
import { BackendSession } from '../upstream/backend-session.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import type { CallMetadata } from '../transport/client-contract.js';
import { openControl, type DataMessage } from '../wire/messages.js';

export interface UpstreamRouteOptions {
  /** Its name in the configuration: what backends know it by. */
  readonly name: string;
  /** Whether payloads of several messages go out joined. Default false: piece by piece. */
  readonly wantsWhole?: boolean;
}

/** gRPC over HTTP/2, "ASCII-Value"; spaces at its ends do not arrive. */
const ASCII_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Each session is a stream of its own at a backend that serves
 * `sluice.v1.SessionService` (proto/sluice/v1/session.proto), whose acks are
 * the route's acceptance. The session outlives its backends.
 */
export function upstreamRoute(pool: UpstreamPool, options: UpstreamRouteOptions): Route {
  const { name, wantsWhole = false } = options;
  return {
    kind: 'upstream',
    pipelined: true,
    wantsWhole,
    open: (session) => new UpstreamHandler(pool, name, session),
  };
}

class UpstreamHandler implements RouteHandler {
  readonly #backend: BackendSession;

  constructor(pool: UpstreamPool, route: string, session: RouteSession) {
    const { clientId, sessionId, subject, identity, start } = session;
    const metadata = new Map([
      ['client-id', clientId],
      ['session-id', sessionId],
      ['x-route', route],
      ['x-subject', subject],
      ['client-class', identity.clientClass],
    ]);
    this.#backend = new BackendSession({
      pool,
      session,
      sessionId,
      open: openControl({
        route,
        subject,
        history: start.history,
        afterSequence: start.afterSequence,
      }),
      metadata,
      callMetadata: asCallMetadata(metadata),
    });
  }

  handle(message: DataMessage): Promise<void> {
    // It is kept until it is acknowledged: not with all of what it came in.
    return this.#backend.handle(detached(message), givenUpOf(message)?.signal);
  }

  closed(): void {
    this.#backend.close();
  }
}

/** For whatever stands in front of a backend. What headers can't hold, the Open's own metadata does. */
function asCallMetadata(metadata: ReadonlyMap<string, string>): CallMetadata {
  return Object.fromEntries([...metadata].filter(([, value]) => ASCII_VALUE.test(value)));
}
