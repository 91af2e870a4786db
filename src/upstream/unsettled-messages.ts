import type { SluiceError } from '../core/errors.js';
import type { DataMessage } from '../wire/messages.js';

interface Unsettled {
  readonly message: DataMessage;
  readonly accept: () => void;
  readonly fail: (error: SluiceError) => void;
}

/**
 * The messages of one session that no backend has accepted or failed yet, by
 * their numbers, 1, 2, … over all its streams. Storage only: how many there may
 * be is the window of the session.
 */
export class UnsettledMessages {
  readonly #byNumber = new Map<number, Unsettled>();
  readonly #tell: (act: () => void) => void;
  #last = 0;
  /** All up to here are settled. */
  #settledThrough = 0;

  /** `tell` is given what tells of a message that a backend has accepted or failed, when its turn has come. Default: at once. */
  constructor(
    tell = (act: () => void): void => {
      act();
    },
  ) {
    this.#tell = tell;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** The highest number given. */
  get last(): number {
    return this.#last;
  }

  /** All up to here are accepted or failed. */
  get settledThrough(): number {
    return this.#settledThrough;
  }

  /** Takes what is to be kept as it is, and gives it its number. Settles with what becomes of it. */
  add(message: DataMessage): Promise<void> {
    this.#last += 1;
    const sequence = this.#last;
    return new Promise((accept, fail) => {
      this.#byNumber.set(sequence, { message: { ...message, sequence, ack: 0 }, accept, fail });
    });
  }

  /** Adds those after a number to `batch`, in order, up to so many bytes (one always); returns the number of the last looked at. */
  take(after: number, batch: DataMessage[], maxBytes: number): number {
    let bytes = 0;
    let number = Math.max(after, this.#settledThrough);
    while (number < this.#last) {
      const message = this.#byNumber.get(number + 1)?.message;
      if (message !== undefined) {
        bytes += message.data.byteLength;
        if (bytes > maxBytes && batch.length > 0) break;
        batch.push(message);
      }
      number += 1;
    }
    return number;
  }

  /** Everything up to a number is accepted. Whether that is news. */
  accept(through: number): boolean {
    const before = this.#settledThrough;
    for (let number = before + 1; number <= through; number += 1) {
      const unsettled = this.#byNumber.get(number);
      this.#byNumber.delete(number);
      if (unsettled !== undefined) this.#tell(unsettled.accept);
    }
    this.#advance(through);
    return this.#settledThrough > before;
  }

  /** One has failed. Whether that is news. */
  fail(number: number, error: SluiceError): boolean {
    const unsettled = this.#byNumber.get(number);
    if (unsettled === undefined) return false;
    this.#byNumber.delete(number);
    this.#advance(this.#settledThrough);
    this.#tell(() => {
      unsettled.fail(error);
    });
    return true;
  }

  /** All fail, in order. Returns how many. */
  failAll(error: SluiceError): number {
    const all = [...this.#byNumber.values()];
    this.clear();
    for (const { fail } of all) fail(error);
    return all.length;
  }

  /** Forgets them, for nobody waits for them any more. */
  clear(): void {
    this.#byNumber.clear();
    this.#settledThrough = this.#last;
  }

  /** Up to here, and over what failed right behind it. */
  #advance(through: number): void {
    let number = Math.max(this.#settledThrough, through);
    while (number < this.#last && !this.#byNumber.has(number + 1)) number += 1;
    this.#settledThrough = number;
  }
}
