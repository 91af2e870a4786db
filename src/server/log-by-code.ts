import type { Clock } from '../core/clock.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import type { Logger } from '../core/logger.js';

/** One code is told at most once in this time. */
const INTERVAL_MS = 60_000;

interface Tally {
  nextAt: number;
  /** Since the last line. */
  count: number;
  /** The fields of the latest. */
  latest: object;
}

/**
 * Says at level info what happens and why, in sum: for each code a line at the
 * first event, then one a minute at most with how many there were since and
 * the fields of the latest. A stampede so costs a line and not the disk. Holds
 * one entry a code and no timer: what a minute has gathered is
 * told by the first event after it, or by `tellAll`.
 */
export class LogByCode {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #message: string;
  readonly #byCode = new Map<ConnectionEnd, Tally>();
  /** When the earliest gathered line is due; Infinity when nothing is gathered. */
  #dueAt = Infinity;

  constructor(logger: Logger, clock: Clock, message: string) {
    this.#logger = logger;
    this.#clock = clock;
    this.#message = message;
  }

  /** `latest` is kept for up to a minute or more: plain values, nothing that holds on to more. */
  note(code: ConnectionEnd, latest: object): void {
    const tally = this.#byCode.get(code) ?? { nextAt: this.#clock.now(), count: 0, latest };
    tally.count += 1;
    tally.latest = latest;
    this.#byCode.set(code, tally);
    this.#dueAt = Math.min(this.#dueAt, tally.nextAt);
    this.tellDue();
  }

  /** Writes the lines whose minute is over; costs one comparison when there are none. */
  tellDue(): void {
    if (this.#dueAt === Infinity) return;
    const now = this.#clock.now();
    if (now >= this.#dueAt) this.#tell(now, (tally) => now >= tally.nextAt);
  }

  /** Writes what is gathered, due or not: nothing follows. */
  tellAll(): void {
    this.#tell(this.#clock.now(), () => true);
  }

  #tell(now: number, isDue: (tally: Tally) => boolean): void {
    this.#dueAt = Infinity;
    for (const [code, tally] of this.#byCode) {
      if (tally.count === 0) continue;
      if (isDue(tally)) {
        this.#logger.info({ code, count: tally.count, ...tally.latest }, this.#message);
        tally.count = 0;
        tally.nextAt = now + INTERVAL_MS;
      } else {
        this.#dueAt = Math.min(this.#dueAt, tally.nextAt);
      }
    }
  }
}
