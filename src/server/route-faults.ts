import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ServerCounters } from './server-counters.js';

/**
 * What routes failed on, for those who serve their sessions: all of it is
 * counted, and what is no refusal in the catalogue's words is logged, the first
 * time as a warning. A route that fails on every message must not fill the log.
 */
export class RouteFaults {
  readonly #counters: Pick<ServerCounters, 'routeErrors'>;
  readonly #logger: Logger;
  readonly #what: string;
  readonly #more: string;
  #logged = false;

  /** `what` has failed, in words; `more`: whose further faults are at level debug. */
  constructor(
    { counters, logger }: { readonly counters: Pick<ServerCounters, 'routeErrors'>; readonly logger: Logger },
    { what, more }: { readonly what: string; readonly more: string },
  ) {
    this.#counters = counters;
    this.#logger = logger;
    this.#what = what;
    this.#more = more;
  }

  note(error: unknown, where: Readonly<Record<string, string | undefined>>): void {
    this.#counters.routeErrors += 1;
    if (error instanceof SluiceError) return;
    const fields = { err: error, ...where };
    if (this.#logged) this.#logger.debug(fields, this.#what);
    else this.#logger.warn(fields, `${this.#what}; more of ${this.#more} at level debug`);
    this.#logged = true;
  }
}
