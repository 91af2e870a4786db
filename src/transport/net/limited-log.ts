import type { Clock } from '../../core/clock.js';

/** What the transport needs of a logger; pino fits. */
export interface TransportLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * A warning that a flood can trigger: logged at most once an interval, with
 * how many were left out since the last.
 */
export class LimitedLog {
  readonly #logger: TransportLogger;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #lastAt = Number.NEGATIVE_INFINITY;
  #suppressed = 0;

  constructor(logger: TransportLogger, clock: Clock, intervalMs: number) {
    this.#logger = logger;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  warn(fields: object, message: string): void {
    const now = this.#clock.now();
    if (now - this.#lastAt < this.#intervalMs) {
      this.#suppressed += 1;
      return;
    }
    this.#lastAt = now;
    this.#logger.warn(this.#suppressed === 0 ? fields : { ...fields, suppressed: this.#suppressed }, message);
    this.#suppressed = 0;
  }
}
