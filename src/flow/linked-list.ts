/** What a list asks of its items; only the list changes the links. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

/**
 * Items in order, of which any may be taken out at no more cost than the first.
 * The links are the items' own: an item is in one list at a time, and an empty
 * list holds nothing. It is storage only: whoever appends holds the bound.
 */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;

  get first(): T | undefined {
    return this.#first;
  }

  append(item: T): void {
    const last = this.#last;
    item.previous = last;
    if (last === undefined) this.#first = item;
    else last.next = item;
    this.#last = item;
  }

  /** Takes an item of this list out of it, and returns the one that followed. */
  remove(item: T): T | undefined {
    const { previous, next } = item;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // An old item that still points at young ones keeps them alive until the next full collection.
    item.previous = undefined;
    item.next = undefined;
    return next;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
  }
}
