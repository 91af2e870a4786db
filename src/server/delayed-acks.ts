import type { Clock, Timer } from '../core/clock.js';
import { LinkedList, type Linked } from '../flow/linked-list.js';

/** Owes its client an ack; the fields are `DelayedAcks`' own. */
export interface OwesAck extends Linked<OwesAck> {
  /** When the ack is due; undefined while it does not wait. */
  ackDueAt: number | undefined;
  /** Writes the ack, if nothing has carried it meanwhile. Never throws. */
  writeAck(): void;
}

/** What is due within this share of the delay goes along: so that acks go in few writes. */
const TOGETHER = 1 / 2;

/**
 * The acks of a server that wait for an answer to carry them, but not for
 * longer than the delay. That is the same for all, so who came first is due
 * first, and one timer does: with thousands of connections that now and then
 * say something, one for each would be one for each message.
 */
export class DelayedAcks {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #waiting = new LinkedList<OwesAck>();
  #timer: Timer | undefined;

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Who waits already goes on waiting. */
  add(owing: OwesAck): void {
    if (owing.ackDueAt !== undefined) return;
    owing.ackDueAt = this.#clock.now() + this.#delayMs;
    this.#waiting.append(owing);
    this.#timer ??= this.#clock.setTimeout(this.#onDue, this.#delayMs);
  }

  /** It owes nothing any more. */
  remove(owing: OwesAck): void {
    if (owing.ackDueAt === undefined) return;
    owing.ackDueAt = undefined;
    this.#waiting.remove(owing);
    if (this.#waiting.first !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #onDue = (): void => {
    this.#timer = undefined;
    const due = this.#takeDue(this.#clock.now());
    for (const owing of due) owing.writeAck();
  };

  #takeDue(now: number): OwesAck[] {
    const until = now + this.#delayMs * TOGETHER;
    const due: OwesAck[] = [];
    let { first } = this.#waiting;
    while (first?.ackDueAt !== undefined && first.ackDueAt <= until) {
      first.ackDueAt = undefined;
      due.push(first);
      first = this.#waiting.remove(first);
    }
    if (first?.ackDueAt !== undefined) {
      this.#timer = this.#clock.setTimeout(this.#onDue, first.ackDueAt - now);
    }
    return due;
  }
}
