import type { Session } from '../../client/session/session.js';

/** What a sender tells of its messages. */
export interface BenchEvents {
  readonly now: () => number;
  /** When its message number `index`, from 0, is due; undefined: as soon as there is room. */
  readonly dueAt: (index: number) => number | undefined;
  /** Whether more is to be sent. */
  readonly isOpen: () => boolean;
  readonly sent: () => void;
  readonly answered: (ms: number, due: number) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * One session under load. Remembers when each message under way was due, in the
 * order they were sent, which is the order of their answers.
 */
export class BenchSender {
  readonly #session: Session;
  readonly #payload: Uint8Array;
  readonly #untilAnswered: boolean;
  readonly #events: BenchEvents;
  readonly #begun: Float64Array;
  #head = 0;
  #underWay = 0;
  #sent: number;

  /** `from` is the number of its first message. */
  constructor(
    session: Session,
    options: {
      readonly payload: Uint8Array;
      readonly inFlight: number;
      readonly untilAnswered: boolean;
      readonly from: number;
    },
    events: BenchEvents,
  ) {
    this.#session = session;
    this.#payload = options.payload;
    this.#untilAnswered = options.untilAnswered;
    this.#events = events;
    this.#begun = new Float64Array(options.inFlight);
    this.#sent = options.from;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** The number of its next message. */
  get next(): number {
    return this.#sent;
  }

  /** What comes before this number and has not been sent is left out. */
  skipTo(index: number): void {
    this.#sent = Math.max(this.#sent, index);
  }

  /** Sends what is due and has room. */
  pump(): void {
    const { now, dueAt, isOpen } = this.#events;
    while (isOpen() && this.#underWay < this.#begun.length) {
      const at = now();
      const due = dueAt(this.#sent) ?? at;
      if (due > at) return;
      this.#begun[(this.#head + this.#underWay) % this.#begun.length] = due;
      this.#underWay += 1;
      this.#sent += 1;
      this.#events.sent();
      this.#send();
    }
  }

  /** Reads answers until the session is over; rejects with what ended it. */
  async read(): Promise<void> {
    while ((await this.#session.receive()) !== undefined) {
      if (this.#untilAnswered) this.#settle(true);
    }
  }

  /** A message will not be answered: of those under way, the first. */
  settleFailed(): void {
    this.#settle(false);
  }

  #send(): void {
    if (this.#untilAnswered) {
      this.#session.send(this.#payload).catch((error: unknown) => {
        this.#events.failed(error);
      });
      return;
    }
    this.#session.sendAndWait(this.#payload).then(
      () => {
        this.#settle(true);
      },
      (error: unknown) => {
        this.#events.failed(error);
        this.#settle(false);
      },
    );
  }

  #settle(isAnswered: boolean): void {
    if (this.#underWay === 0) return;
    const begun = this.#begun[this.#head] ?? 0;
    this.#head = (this.#head + 1) % this.#begun.length;
    this.#underWay -= 1;
    if (isAnswered) this.#events.answered(this.#events.now() - begun, begun);
    this.pump();
  }
}
