import type { Http2Stream } from 'node:http2';
import { PieceQueue } from './piece-queue.js';

/** More than this is not given to HTTP/2 at once: it would tell of it only when all of it has left. */
const MAX_HANDED_BYTES = 128 * 1024;
/** A chunk takes some 300 bytes there beside its own. So those that are smaller than this in the mean wait, and are joined … */
const SMALL_CHUNK_BYTES = 256;
/** … once they are more than so many. */
const MAX_SMALL_CHUNKS = 64;

/**
 * What is sent on an HTTP/2 stream, in order, and how much of it the network
 * has not taken yet. What is more than HTTP/2 takes at once goes piece by
 * piece, so that a slow peer shows progress.
 */
export class Http2Outlet {
  readonly #http2: Http2Stream;
  /** The bytes in flight have fallen. */
  readonly #onWritten: () => void;
  #waiting: PieceQueue | undefined;
  /** Given to HTTP/2, which has not told of them. */
  #handedChunks = 0;
  #ended = false;
  /** As last known to rise or fall. */
  #lastBytes = 0;

  constructor(http2: Http2Stream, onWritten: () => void) {
    this.#http2 = http2;
    this.#onWritten = onWritten;
  }

  get bytesInFlight(): number {
    const { writableLength } = this.#http2;
    return this.#waiting === undefined ? writableLength : writableLength + this.#waiting.bytes;
  }

  send(chunk: Buffer): void {
    if (chunk.length === 0 || this.#ended || this.#isGone) return;
    this.#lastBytes = this.bytesInFlight + chunk.length;
    if (this.#waiting === undefined && this.#fits) {
      this.#hand(chunk);
      return;
    }
    this.#waiting ??= new PieceQueue();
    this.#waiting.push(chunk);
    if (this.#http2.writableLength === 0) this.#handPiece(this.#waiting);
  }

  /** Nothing more is sent; the stream ends behind what was. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#waiting === undefined) this.#http2.end();
  }

  /** Forgets what HTTP/2 was not given yet. */
  clear(): void {
    this.#ended = true;
    this.#waiting = undefined;
  }

  get #isGone(): boolean {
    return this.#http2.closed || this.#http2.destroyed;
  }

  /** Whether HTTP/2 is given what was sent last at once. */
  get #fits(): boolean {
    const bytes = this.#lastBytes;
    if (bytes > MAX_HANDED_BYTES) return false;
    return this.#handedChunks < MAX_SMALL_CHUNKS || this.#handedChunks * SMALL_CHUNK_BYTES <= bytes;
  }

  /** The next comes when this one is out; the end, behind the last. */
  #handPiece(waiting: PieceQueue): void {
    this.#http2.cork();
    waiting.take(this.#hand);
    this.#http2.uncork();
    if (waiting.bytes > 0) return;
    this.#waiting = undefined;
    if (this.#ended) this.#http2.end();
  }

  readonly #hand = (chunk: Uint8Array): void => {
    this.#handedChunks += 1;
    this.#http2.write(chunk, this.#onChunkWritten);
  };

  readonly #onChunkWritten = (error?: Error | null): void => {
    this.#handedChunks -= 1;
    if (error !== undefined && error !== null) return;
    if (this.#waiting !== undefined && this.#http2.writableLength === 0) this.#handPiece(this.#waiting);
    const bytes = this.bytesInFlight;
    // Several chunks that left together are one fall.
    if (bytes >= this.#lastBytes) return;
    this.#lastBytes = bytes;
    this.#onWritten();
  };
}
