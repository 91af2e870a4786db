import { boundLogger } from '../../core/bound-logger.js';
import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { RouteSession } from '../../session/route.js';
import { type SessionView, ViewedSession } from './session-view.js';

/** What a module may know of the route that it serves. */
export interface RouteContext {
  /** The route's name: one module may serve several. */
  readonly routeName: string;
  /** What the configuration says under `routes.<name>.options`; {} for routes that it does not name. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The gateway's; each line names the route. */
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A session, as the functions of `defineRoute` get it. */
export interface ModuleSession extends SessionView {
  readonly context: RouteContext;
  /** The gateway's; each line names the route and the session. */
  readonly logger: Logger;
}

export class SessionOfModule extends ViewedSession implements ModuleSession {
  readonly context: RouteContext;
  #logger: Logger | undefined;

  constructor(session: RouteSession, context: RouteContext) {
    super(session, context.routeName);
    this.context = context;
  }

  get logger(): Logger {
    this.#logger ??= boundLogger(this.context.logger, { session: `${this.clientId}:${this.sessionId}` });
    return this.#logger;
  }
}
