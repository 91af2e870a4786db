import type { Clock, Timer } from '../core/clock.js';
import { LinkedList, type Linked } from './linked-list.js';

/** `full`: as many wait as may. `late`: waited as long as one may. `gone`: whoever waited is. */
export type Admission = 'inside' | 'full' | 'late' | 'gone' | 'closed';

export interface WaitingLineOptions {
  readonly clock: Clock;
  readonly maxInside: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

interface Place extends Linked<Place> {
  readonly timer: Timer;
  readonly settle: (admission: Admission) => void;
}

/** Lets so many in at a time; so many others wait, first come, first in, and none for ever. */
export class WaitingLine {
  readonly #options: WaitingLineOptions;
  readonly #line = new LinkedList<Place>();
  #inside = 0;
  #waiting = 0;
  #closed = false;

  constructor(options: WaitingLineOptions) {
    this.#options = options;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whoever gets `inside` has to `leave`. An aborted signal ends the waiting, `gone`. */
  enter(signal: AbortSignal): Admission | Promise<Admission> {
    if (this.#closed) return 'closed';
    if (signal.aborted) return 'gone';
    if (this.#inside < this.#options.maxInside) {
      this.#inside += 1;
      return 'inside';
    }
    if (this.#waiting >= this.#options.maxWaiting) return 'full';
    return this.#wait(signal);
  }

  /** The place goes to the first in line. */
  leave(): void {
    const first = this.#line.first;
    if (first === undefined) this.#inside -= 1;
    else first.settle('inside');
  }

  /** Nobody gets in any more; those inside still leave. Idempotent. */
  close(): void {
    this.#closed = true;
    for (let place = this.#line.first; place !== undefined; place = this.#line.first) place.settle('closed');
  }

  #wait(signal: AbortSignal): Promise<Admission> {
    return new Promise((resolve) => {
      const onAbort = (): void => {
        place.settle('gone');
      };
      const place: Place = {
        previous: undefined,
        next: undefined,
        timer: this.#options.clock.setTimeout(() => {
          place.settle('late');
        }, this.#options.maxWaitMs),
        // Each way out of the line takes timer and listener along, so that it is gone once.
        settle: (admission) => {
          place.timer.cancel();
          signal.removeEventListener('abort', onAbort);
          this.#line.remove(place);
          this.#waiting -= 1;
          resolve(admission);
        },
      };
      signal.addEventListener('abort', onAbort);
      this.#line.append(place);
      this.#waiting += 1;
    });
  }
}
