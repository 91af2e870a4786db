import { KeptChunks } from '../../flow/kept-chunks.js';

/** What one stream gives to HTTP/2 at a time, once it has more than fits: enough for a full line, little enough that a slow one shows progress. */
const PIECE_BYTES = 64 * 1024;

/**
 * What waits to be given to HTTP/2, in order. HTTP/2 joins the writes that
 * pile up in it and tells of them all when the last byte has left; so what is
 * large is given to it piece by piece, the next when the one before is out.
 */
export class PieceQueue {
  readonly #kept = new KeptChunks();
  /** The first chunk, once it is begun. */
  #first: Uint8Array | undefined;
  /** How much of it has gone. */
  #at = 0;

  get bytes(): number {
    const begun = this.#first === undefined ? 0 : this.#first.length - this.#at;
    return begun + this.#kept.bytes;
  }

  push(chunk: Uint8Array): void {
    this.#kept.push(chunk);
  }

  /** Moves the next piece into `write`; of several small chunks, as many as make one. */
  take(write: (chunk: Uint8Array) => void): void {
    let room = PIECE_BYTES;
    while (room > 0) {
      const chunk = (this.#first ??= this.#kept.shift());
      if (chunk === undefined) return;
      const part = chunk.subarray(this.#at, this.#at + room);
      this.#at += part.length;
      room -= part.length;
      if (this.#at === chunk.length) {
        this.#first = undefined;
        this.#at = 0;
      }
      write(part);
    }
  }
}
