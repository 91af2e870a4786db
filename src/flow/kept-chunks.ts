import { apart } from './apart.js';
import { RingQueue } from './ring-queue.js';

/** A chunk takes some 200 bytes beside its own. Smaller ones, of which that would be the most part, go together. */
const SMALL_BYTES = 512;
/** What small ones are gathered in doubles up to this, so that the first of them reserves nothing for others. */
const MAX_BLOCK_BYTES = 4 * 1024;

/**
 * Chunks that are kept, in order. They take memory in proportion to their
 * bytes, wherever they were cut: small ones are copied together, else who sends
 * frames of one byte would be lent a hundred times what is counted, and what is
 * a little of its memory is copied out of it. Storage only: whoever pushes holds the bound.
 */
export class KeptChunks {
  readonly #chunks = new RingQueue<Uint8Array>();
  /** The small ones that were pushed last, and room for more. */
  #block: Uint8Array | undefined;
  #blockBytes = 0;
  #bytes = 0;

  /** Of all that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#bytes += chunk.length;
    if (chunk.length < SMALL_BYTES) this.#gather(chunk);
    else {
      this.#closeBlock();
      this.#chunks.push(apart(chunk));
    }
  }

  shift(): Uint8Array | undefined {
    if (this.#chunks.length === 0) this.#closeBlock();
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) this.#bytes -= chunk.length;
    return chunk;
  }

  /** First in first. They stay as they are, whatever is pushed later. */
  toArray(): Uint8Array[] {
    const chunks = this.#chunks.toArray();
    if (this.#block !== undefined) chunks.push(this.#block.subarray(0, this.#blockBytes));
    return chunks;
  }

  #gather(chunk: Uint8Array): void {
    const bytes = this.#blockBytes + chunk.length;
    if (bytes > MAX_BLOCK_BYTES) this.#closeBlock();
    // Most often there is only one.
    if (this.#block === undefined) {
      this.#block = new Uint8Array(chunk);
      this.#blockBytes = chunk.length;
      return;
    }
    if (bytes > this.#block.length) this.#block = grown(this.#block, bytes);
    this.#block.set(chunk, this.#blockBytes);
    this.#blockBytes = bytes;
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    this.#chunks.push(this.#block.subarray(0, this.#blockBytes));
    this.#block = undefined;
    this.#blockBytes = 0;
  }
}

function grown(block: Uint8Array, bytes: number): Uint8Array {
  const larger = new Uint8Array(Math.min(MAX_BLOCK_BYTES, Math.max(bytes, 2 * block.length)));
  larger.set(block);
  return larger;
}
