import { apart } from '../flow/apart.js';

/** What a backend was sent of a request, while it may have to be sent to another one: all of it, or nothing. */
export class RequestPrefix {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] | undefined = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  /** From the beginning; undefined where it is not held any more. */
  get chunks(): readonly Uint8Array[] | undefined {
    return this.#chunks;
  }

  add(chunk: Uint8Array): void {
    if (this.#chunks === undefined) return;
    if (this.#bytes + chunk.length > this.#maxBytes) {
      this.drop();
      return;
    }
    this.#chunks.push(apart(chunk));
    this.#bytes += chunk.length;
  }

  drop(): void {
    this.#chunks = undefined;
    this.#bytes = 0;
  }
}
