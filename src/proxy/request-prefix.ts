import { KeptChunks } from '../flow/kept-chunks.js';

/** What a backend was sent of a request, while it may have to be sent to another one: all of it, or nothing. */
export class RequestPrefix {
  readonly #maxBytes: number;
  #kept: KeptChunks | undefined = new KeptChunks();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#kept?.bytes ?? 0;
  }

  /** From the beginning; undefined where it is not held any more. */
  get chunks(): readonly Uint8Array[] | undefined {
    return this.#kept?.toArray();
  }

  add(chunk: Uint8Array): void {
    if (this.#kept === undefined) return;
    if (this.#kept.bytes + chunk.length > this.#maxBytes) this.drop();
    else this.#kept.push(chunk);
  }

  drop(): void {
    this.#kept = undefined;
  }
}
