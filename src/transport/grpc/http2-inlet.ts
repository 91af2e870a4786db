import type { Http2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import { KeptChunks } from '../../flow/kept-chunks.js';

/** What an inlet calls; never from within a call made to it. */
export interface InletEvents {
  /** The bytes of a frame, or of several that were held. They may be kept. */
  onChunk(chunk: Uint8Array): void;
  /** `heldBytes` has risen. */
  onHeld(): void;
  /** All has been given that came, and nothing more will. */
  onEnd(): void;
}

/**
 * What comes on an HTTP/2 stream, frame by frame, and what of it is held while
 * nobody wants it: flow control lets in a window of it. It is taken from HTTP/2
 * before it goes through the queue of a Readable, which costs more a frame than
 * passing it on does. Begins paused.
 */
export class Http2Inlet {
  readonly #http2: Http2Stream;
  readonly #events: InletEvents;
  /** Undefined while nothing is. */
  #held: KeptChunks | undefined;
  #paused = true;
  /** HTTP/2 was told to bring no more. */
  #stopped = true;
  /** What is held is given in a microtask, or is being given. */
  #giving = false;
  /** Nothing more comes than what is held. HTTP/2 tells of it whether that has been given or not. */
  #ended = false;
  /** The rest flows away. */
  #ignored = false;

  constructor(http2: Http2Stream, events: InletEvents) {
    this.#http2 = http2;
    this.#events = events;
    http2.pause();
    http2.push = this.#onPush;
    // A Node that brings it another way brings it here.
    http2.on('data', this.#onPush);
    http2.on('end', () => {
      this.finish();
    });
    // What has come before us comes before the rest.
    if (http2.readableLength > 0) http2.read();
  }

  get heldBytes(): number {
    return this.#held?.bytes ?? 0;
  }

  pause(): void {
    if (this.#paused || this.#ignored) return;
    this.#paused = true;
    // Pausing stops HTTP/2 by itself, but resuming does not start it again: the Readable believes that it reads.
    this.#stopped = true;
    this.#http2.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#giving) return;
    if (this.#held === undefined) this.#flow();
    else {
      this.#giving = true;
      queueMicrotask(this.#give);
    }
  }

  /** Nothing more comes: `onEnd` follows on what is held. Idempotent. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#held === undefined && !this.#ignored) this.#events.onEnd();
  }

  /** Lets what still comes flow away unread. */
  ignore(): void {
    if (this.#ignored) return;
    this.#ignored = true;
    this.#paused = false;
    this.#held = undefined;
    this.#flow();
  }

  readonly #give = (): void => {
    while (!this.#paused) {
      // Gone where the rest is ignored.
      const chunk = this.#held?.shift();
      if (chunk === undefined) break;
      this.#events.onChunk(chunk);
    }
    this.#giving = false;
    if (this.#held === undefined || this.#held.bytes > 0) return;
    this.#held = undefined;
    if (this.#ended) this.#events.onEnd();
    else if (!this.#paused) this.#flow();
  };

  /** In place of `Readable.push`, and with its contract: false asks HTTP/2 to bring no more. */
  readonly #onPush = (chunk: Buffer | null): boolean => {
    // What Node does behind the end (telling of it, closing the stream) stays Node's.
    if (chunk === null) return Readable.prototype.push.call(this.#http2, null);
    if (this.#ignored) return true;
    if (this.#paused || this.#held !== undefined) {
      this.#held ??= new KeptChunks();
      this.#held.push(chunk);
      this.#stopped = true;
      this.#events.onHeld();
      return false;
    }
    this.#events.onChunk(chunk);
    return !this.#stopped;
  };

  #flow(): void {
    const http2 = this.#http2;
    if (http2.destroyed) return;
    http2.resume();
    if (!this.#stopped) return;
    // What `Readable.read` does once its queue has room again.
    this.#stopped = false;
    http2._read(0);
  }
}
