import type { Session } from '../../src/client/session/session.js';

/**
 * Numbers sent to an echo, and what comes back: it has to be each of them,
 * once, in order. Neither side keeps a book of its own that could forgive a
 * message too many.
 */
export class NumberExchange {
  readonly received: number[] = [];
  /** Resolves when as many came back as there are; what is thrown is for whoever waits. */
  readonly work: Promise<unknown>;
  readonly #count: number;

  constructor(session: Session, count: number) {
    this.#count = count;
    this.work = Promise.all([this.#send(session), this.#read(session)]);
  }

  get isExact(): boolean {
    return (
      this.received.length === this.#count && this.received.every((number, index) => number === index + 1)
    );
  }

  async #send(session: Session): Promise<void> {
    for (let number = 1; number <= this.#count; number += 1) await session.send(String(number));
  }

  async #read(session: Session): Promise<void> {
    for await (const { text } of session) {
      this.received.push(Number(text));
      if (this.received.length === this.#count) return;
    }
  }
}
