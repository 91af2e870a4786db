import type { DataMessage } from '../wire/messages.js';

/** That a message is given up, perhaps: its signal is made when somebody asks for it, for that costs more than the message. */
export class GivenUp {
  #aborted = false;
  #reason: unknown;
  #controller: AbortController | undefined;

  get aborted(): boolean {
    return this.#aborted;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/** Beside the message rather than in it: only messages that may be given up have one. */
const byMessage = new WeakMap<DataMessage, GivenUp>();

/** Whether this message is given up, or its session has ended; undefined: nobody gives it up. */
export function givenUpOf(message: DataMessage): GivenUp | undefined {
  return byMessage.get(message);
}

export function mayGiveUp(message: DataMessage, givenUp: GivenUp): void {
  byMessage.set(message, givenUp);
}
