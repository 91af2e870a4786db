import type { Clock } from './clock.js';

/** What came in and waits for the end of its turn. */
export interface Arrival {
  /** Never throws. */
  takeIn(): void;
}

/** What is to be flushed at the end of a turn. */
export interface Flushable {
  /** Never throws. */
  flush(): void;
}

/**
 * The end of a turn of the event loop, with one immediate for all. First what
 * came in is taken in, then what is to go out goes: HTTP/2 tells of each frame
 * by itself, and so everything that a turn brings to a stream is decoded,
 * handled and answered together, in one write, without having waited for
 * anything that was not there already. A thousand streams cost one callback.
 */
export class Turn {
  readonly #clock: Clock;
  #arrivals: Arrival[] = [];
  #scheduled: Flushable[] = [];
  #armed = false;
  #number = 0;
  /** Whether the two times below are of this turn. */
  #isRead = false;
  #stampMs = 0;
  #turnMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Which turn this is: another number, another turn. */
  number(): number {
    // Else it would not end.
    if (!this.#armed) this.#arm();
    return this.#number;
  }

  /** The caller sees to it that nothing is there twice. */
  arrived(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    if (!this.#armed) this.#arm();
  }

  /** The caller sees to it that nothing is scheduled twice. */
  schedule(flushable: Flushable): void {
    this.#scheduled.push(flushable);
    if (!this.#armed) this.#arm();
  }

  /** How many are scheduled. */
  get scheduled(): number {
    return this.#scheduled.length;
  }

  /** What was scheduled last goes now: nothing more is expected that would go with it. */
  flushLast(): void {
    this.#scheduled.pop()?.flush();
  }

  /** Unix milliseconds, read once a turn: what is sent in one turn bears one time. */
  stampMs(): number {
    if (!this.#isRead) this.#read();
    return this.#stampMs;
  }

  /** Clock.now(), read as seldom: for what need not be exact. */
  turnMs(): number {
    if (!this.#isRead) this.#read();
    return this.#turnMs;
  }

  #read(): void {
    this.#isRead = true;
    this.#stampMs = this.#clock.wallNow();
    this.#turnMs = this.#clock.now();
    // So that they are read anew in the next turn.
    if (!this.#armed) this.#arm();
  }

  #arm(): void {
    this.#armed = true;
    this.#clock.setImmediate(this.#run);
  }

  readonly #run = (): void => {
    // Armed until the end: what is scheduled meanwhile goes out in this turn, or in one of its own.
    try {
      this.#takeIn();
      this.#flush();
    } finally {
      this.#armed = false;
      this.#isRead = false;
      this.#number += 1;
      if (this.#arrivals.length > 0 || this.#scheduled.length > 0) this.#arm();
    }
  };

  #takeIn(): void {
    if (this.#arrivals.length === 0) return;
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    forEach(arrivals, takeIn, (rest) => {
      this.#arrivals = [...rest, ...this.#arrivals];
    });
  }

  #flush(): void {
    const due = this.#scheduled;
    this.#scheduled = [];
    forEach(due, flush, (rest) => {
      this.#scheduled = [...rest, ...this.#scheduled];
    });
  }
}

const takeIn = (arrival: Arrival): void => {
  arrival.takeIn();
};
const flush = (flushable: Flushable): void => {
  flushable.flush();
};

/** Who throws all the same costs the others a turn, not more: `putBack` is given those whose time it was not yet. */
function forEach<T>(items: readonly T[], act: (item: T) => void, putBack: (rest: T[]) => void): void {
  let done = 0;
  try {
    for (const item of items) {
      done += 1;
      act(item);
    }
  } finally {
    if (done < items.length) putBack(items.slice(done));
  }
}
