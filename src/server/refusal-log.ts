import type { Clock } from '../core/clock.js';
import type { ErrorCode, SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { TransportStream } from '../transport/contract.js';
import { isPrintableId, quoted } from './identity.js';

/** One code is told at most once in this time. */
const INTERVAL_MS = 60_000;

interface Tally {
  nextAt: number;
  /** Since the last line. */
  count: number;
  /** Of the latest; the stream itself is not kept. */
  latest: Latest;
}

interface Latest {
  readonly client: string | undefined;
  readonly peer: string;
  readonly reason: string;
}

/**
 * Says at level info who is turned away and why: for each code a line at the
 * first refusal, then one a minute at most with how many there were since. A
 * stampede so costs a line and not the disk. Holds one entry a code of the
 * catalogue and no timer: what a minute has gathered is told by the first
 * event after it.
 */
export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #byCode = new Map<ErrorCode, Tally>();
  /** When the earliest gathered line is due; Infinity when nothing is gathered. */
  #dueAt = Infinity;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  note(stream: TransportStream, error: SluiceError): void {
    const latest = { client: claimedClient(stream), peer: stream.peer, reason: error.message };
    const tally = this.#byCode.get(error.code) ?? { nextAt: this.#clock.now(), count: 0, latest };
    tally.count += 1;
    tally.latest = latest;
    this.#byCode.set(error.code, tally);
    this.#dueAt = Math.min(this.#dueAt, tally.nextAt);
    this.tellDue();
  }

  /** Writes the lines whose minute is over; costs one comparison when there are none. */
  tellDue(): void {
    if (this.#dueAt === Infinity) return;
    const now = this.#clock.now();
    if (now < this.#dueAt) return;
    this.#dueAt = Infinity;
    for (const [code, tally] of this.#byCode) {
      if (tally.count === 0) continue;
      if (now >= tally.nextAt) {
        this.#logger.info({ code, count: tally.count, ...tally.latest }, 'streams refused');
        tally.count = 0;
        tally.nextAt = now + INTERVAL_MS;
      } else {
        this.#dueAt = Math.min(this.#dueAt, tally.nextAt);
      }
    }
  }
}

/** Who a refused stream says it is: as it stands where it could be an ID, else quoted and cut. */
export function claimedClient(stream: TransportStream): string | undefined {
  const claimed = stream.metadata.get('x-client-id');
  return claimed === undefined || isPrintableId(claimed) ? claimed : quoted(claimed);
}
