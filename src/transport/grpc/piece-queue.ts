/** What one stream gives to HTTP/2 at a time, once it has more than fits: enough for a full line, little enough that a slow one shows progress. */
const PIECE_BYTES = 64 * 1024;

/**
 * What waits to be given to HTTP/2, in order. HTTP/2 joins the writes that
 * pile up in it and tells of them all when the last byte has left; so what is
 * large is given to it piece by piece, the next when the one before is out.
 */
export class PieceQueue {
  readonly #chunks: Buffer[] = [];
  /** How much of the first chunk has gone. */
  #at = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Moves the next piece into `write`; of several small chunks, as many as make one. */
  take(write: (chunk: Buffer) => void): void {
    let room = PIECE_BYTES;
    for (let chunk = this.#chunks[0]; chunk !== undefined && room > 0; chunk = this.#chunks[0]) {
      const part = chunk.subarray(this.#at, this.#at + room);
      this.#at += part.length;
      this.#bytes -= part.length;
      room -= part.length;
      if (this.#at === chunk.length) {
        this.#chunks.shift();
        this.#at = 0;
      }
      write(part);
    }
  }
}
