/** What a socket is given at a time, once it has more than fits: little enough that a slow one shows progress. */
const PIECE_BYTES = 64 * 1024;

/**
 * What waits to be given to the socket, in order, in chunks of whole frames: a
 * pong or a Close of the library goes between two of them, never into one.
 */
export class FrameQueue {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Moves the next chunks into `write`, as many as make a piece. */
  take(write: (chunk: Buffer) => void): void {
    let room = PIECE_BYTES;
    while (room > 0) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) return;
      this.#bytes -= chunk.length;
      room -= chunk.length;
      write(chunk);
    }
  }
}
