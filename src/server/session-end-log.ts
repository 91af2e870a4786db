import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { ForcedEnd } from '../session/windowed/windowed-host.js';
import { LogByCode } from './log-by-code.js';

/** Who a session is, as the log names it. */
export interface NamedSession {
  readonly clientId: string;
  readonly sessionId: string;
  readonly routeName: string;
}

/**
 * Says which opened sessions the gateway ended, why, and what was lost with
 * them: in sum at level info, each at level debug. One that leaves in a drain
 * with nothing left to handle or to deliver is as it should be: level debug alone.
 */
export class SessionEndLog {
  readonly #logger: Logger;
  readonly #log: LogByCode;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#log = new LogByCode(logger, clock, 'opened sessions ended by the gateway');
  }

  note(
    { clientId, sessionId, routeName }: NamedSession,
    { error, connectionId, toRoutes, toClient }: ForcedEnd,
  ): void {
    const { code, message } = error;
    const fields = {
      client: clientId,
      session: sessionId,
      route: routeName,
      // A detached session has none.
      ...(connectionId === '' ? {} : { connection: connectionId }),
      reason: message,
      toRoutes,
      toClient,
    };
    this.#logger.debug({ code, ...fields }, 'opened session ended by the gateway');
    if (code !== 'DRAINING' || toRoutes + toClient > 0) this.#log.note(code, fields);
  }

  tellDue(): void {
    this.#log.tellDue();
  }

  /** The gateway stops: what is gathered is told now or never. */
  tellAll(): void {
    this.#log.tellAll();
  }
}
