import type { Clock, Timer } from '../core/clock.js';
import type { Logger } from '../core/logger.js';

/** Whether a backend takes sessions, and why not. */
export interface BackendState {
  readonly takesSessions: boolean;
  /** In a word; a line is written where it has changed. */
  readonly state: string;
  /** "" where there is nothing to say. */
  readonly reason: string;
}

/** So many changes are told at once … */
const BURST = 4;
/** … and one in so long a time of a backend that goes on coming and going. */
const REFILL_MS = 10_000;

/** The changes of one backend's state in the log: each once, never a flood, and the last one always. */
export class StateLog {
  readonly #fields: object;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #left = BURST;
  #countedAtMs: number;
  #told = '';
  #current: BackendState | undefined;
  #untold = 0;
  #timer: Timer | undefined;

  constructor(fields: object, clock: Clock, logger: Logger) {
    this.#fields = fields;
    this.#clock = clock;
    this.#logger = logger;
    this.#countedAtMs = clock.now();
  }

  tell(state: BackendState): void {
    this.#current = state;
    const now = this.#clock.now();
    this.#left = Math.min(BURST, this.#left + (now - this.#countedAtMs) / REFILL_MS);
    this.#countedAtMs = now;
    if (this.#left >= 1) this.#write();
    else {
      this.#untold += 1;
      this.#timer ??= this.#clock.setTimeout(
        () => {
          this.#timer = undefined;
          if (this.#current !== undefined) this.tell(this.#current);
        },
        Math.ceil((1 - this.#left) * REFILL_MS),
      );
    }
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #write(): void {
    const current = this.#current;
    if (current === undefined || current.state === this.#told) return;
    const { takesSessions, state, reason } = current;
    this.#told = state;
    this.#left -= 1;
    this.#timer?.cancel();
    this.#timer = undefined;
    const fields = {
      ...this.#fields,
      state,
      ...(reason !== '' && { reason }),
      ...(this.#untold > 0 && { changesUntold: this.#untold }),
    };
    this.#untold = 0;
    if (takesSessions) this.#logger.info(fields, 'a backend takes sessions');
    else this.#logger.warn(fields, 'a backend takes no new sessions');
  }
}
