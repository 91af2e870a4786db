/** What a piece takes beside its bytes while it waits: the view of it, and its place. Else pieces of one byte would cost nothing. */
export const PIECE_OVERHEAD_BYTES = 128;

/**
 * What the library holds of a message that is not complete. It does not tell,
 * so this is reckoned from what has come since the last whole message: as soon
 * as that is more than control frames, all that came with it, for the smallest
 * part of a message keeps the piece alive that it came in. What is left of a
 * piece behind a whole message is left out.
 */
export class PartialMessage {
  #heldBytes = 0;
  /** Of what came since, less the control frames in it. */
  #frameBytes = 0;
  #controlBytes = 0;
  #whole = false;

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A message is complete, in the piece that is being read. */
  completed(): void {
    this.#whole = true;
  }

  /** A ping or a pong of so many bytes was in the piece that is being read. */
  control(payloadBytes: number): void {
    // A client's frame: two bytes, and four of mask (RFC 6455 section 5.2).
    this.#controlBytes += payloadBytes + 6;
  }

  /** A piece of so many bytes has been read. */
  read(bytes: number): void {
    this.#frameBytes += bytes - this.#controlBytes;
    this.#controlBytes = 0;
    if (this.#whole || this.#frameBytes <= 0) {
      this.#whole = false;
      this.#frameBytes = 0;
      this.#heldBytes = 0;
    } else this.#heldBytes += bytes + PIECE_OVERHEAD_BYTES;
  }
}
