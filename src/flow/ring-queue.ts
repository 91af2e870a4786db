const INITIAL_SLOTS = 4;

/**
 * First in, first out, in a ring that doubles when full and is given up when
 * it empties, so that the thousands of queues that hold nothing cost nothing.
 * It is storage only: whoever pushes holds the bound (see `Quota`).
 */
export class RingQueue<T> {
  #slots: (T | undefined)[] | undefined;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    const slots = this.#slots ?? (this.#slots = new Array<T | undefined>(INITIAL_SLOTS).fill(undefined));
    const full = this.#length === slots.length;
    const target = full ? this.#grow(slots) : slots;
    target[(this.#head + this.#length) & (target.length - 1)] = item;
    this.#length += 1;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots?.[this.#head];
  }

  shift(): T | undefined {
    const slots = this.#slots;
    if (slots === undefined || this.#length === 0) return undefined;
    const item = slots[this.#head];
    slots[this.#head] = undefined;
    this.#length -= 1;
    if (this.#length === 0) {
      this.#head = 0;
      // A small ring is kept: a queue that was used will be used again.
      if (slots.length > INITIAL_SLOTS * 16) this.#slots = undefined;
    } else {
      this.#head = (this.#head + 1) & (slots.length - 1);
    }
    return item;
  }

  /** A copy, first in first. */
  toArray(): T[] {
    const items: T[] = [];
    const slots = this.#slots;
    if (slots === undefined) return items;
    for (let i = 0; i < this.#length; i += 1) items.push(slots[(this.#head + i) & (slots.length - 1)] as T);
    return items;
  }

  clear(): void {
    this.#slots = undefined;
    this.#head = 0;
    this.#length = 0;
  }

  #grow(slots: readonly (T | undefined)[]): (T | undefined)[] {
    const larger = new Array<T | undefined>(slots.length * 2).fill(undefined);
    for (let i = 0; i < this.#length; i += 1) larger[i] = slots[(this.#head + i) & (slots.length - 1)];
    this.#slots = larger;
    this.#head = 0;
    return larger;
  }
}
