import { afterPayload, type Held } from './held.js';

/**
 * The times to live of payloads in a list: when the first passes, and which
 * have passed. Where they pass in the list's order, as they do when all are as
 * long, only what has passed is looked at; else all, but only when one has.
 */
export class Deadlines {
  /** Nothing passes before this, in Clock.now(). */
  earliestMs = Infinity;
  #inOrder = true;
  #lastMs = Infinity;

  /** Notes the payload last appended; `alone`: none is before it. */
  note({ deadlineMs = Infinity }: Held, alone: boolean): void {
    if (alone) this.#inOrder = true;
    else if (deadlineMs < this.#lastMs) this.#inOrder = false;
    this.#lastMs = deadlineMs;
    if (deadlineMs < this.earliestMs) this.earliestMs = deadlineMs;
  }

  /** Calls `expire` with each payload from `first` on whose time has passed; it may take that out of the list. */
  sweep(first: Held | undefined, nowMs: number, expire: (payload: Held) => void): void {
    let earliestMs = Infinity;
    let inOrder = true;
    let lastMs = -Infinity;
    for (let held = first; held !== undefined;) {
      const next = afterPayload(held);
      const { deadlineMs = Infinity } = held;
      if (deadlineMs <= nowMs) expire(held);
      else {
        if (deadlineMs < earliestMs) earliestMs = deadlineMs;
        if (this.#inOrder) break;
        if (deadlineMs < lastMs) inOrder = false;
        lastMs = deadlineMs;
      }
      held = next;
    }
    this.earliestMs = earliestMs;
    // All was looked at, and the last of it may be gone: what is appended next comes behind the last that is left.
    if (!this.#inOrder) this.#lastMs = lastMs;
    this.#inOrder = inOrder;
  }

  clear(): void {
    this.earliestMs = Infinity;
  }
}
