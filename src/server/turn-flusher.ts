import type { Clock } from '../core/clock.js';

/** What is to be flushed at the end of a turn. */
export interface Flushable {
  flush(): void;
}

/**
 * Runs what was scheduled in a turn of the event loop at its end, with one
 * immediate for all: everything a turn brings to a connection leaves it in one
 * write, and a thousand connections cost one callback.
 */
export class TurnFlusher {
  readonly #clock: Clock;
  #scheduled: Flushable[] = [];
  #armed = false;
  /** Whether the two times below are of this turn. */
  #isRead = false;
  #stampMs = 0;
  #turnMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The caller sees to it that nothing is scheduled twice. */
  schedule(flushable: Flushable): void {
    this.#scheduled.push(flushable);
    if (!this.#armed) this.#arm();
  }

  /** Unix milliseconds, read once a turn: what is sent in one turn bears one time. */
  stampMs(): number {
    if (!this.#isRead) this.#arm();
    return this.#stampMs;
  }

  /** Clock.now(), read as seldom: for what need not be exact. */
  turnMs(): number {
    if (!this.#isRead) this.#arm();
    return this.#turnMs;
  }

  #arm(): void {
    if (!this.#isRead) {
      this.#isRead = true;
      this.#stampMs = this.#clock.wallNow();
      this.#turnMs = this.#clock.now();
    }
    this.#armed = true;
    this.#clock.setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const due = this.#scheduled;
    this.#scheduled = [];
    this.#armed = false;
    for (const flushable of due) flushable.flush();
    // What was scheduled meanwhile goes out in a turn of its own.
    this.#isRead = false;
  };
}
