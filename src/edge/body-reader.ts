import type { IncomingMessage, ServerResponse } from 'node:http';
import { SluiceError } from '../core/errors.js';
import { type BufferAccount, HeldBytes } from '../flow/held-bytes.js';
import { expectsContinue } from './expectation.js';

export interface BodyReaderOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly maxBytes: number;
  /** Where what is here of it is counted. */
  readonly account: BufferAccount;
  /** All of it is here. */
  readonly onWhole: () => void;
  readonly onTooLarge: (error: SluiceError) => void;
}

/** What comes in small pieces is put together, so many at a time: each costs some hundred bytes besides what is in it. */
const MAX_LOOSE_PIECES = 256;

/** The body of one request: nothing of it is taken before somebody wants it, and never more than `maxBytes`. */
export class BodyReader {
  readonly #options: BodyReaderOptions;
  readonly #held: HeldBytes;
  #chunks: Buffer[] = [];
  /** The last that came, not put together yet. */
  #loose: Buffer[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(options: BodyReaderOptions) {
    this.#options = options;
    this.#held = new HeldBytes(options.account);
  }

  /** As the account knows it. */
  get heldBytes(): number {
    return this.#held.counted;
  }

  /** Takes it from the network; who waits to be told to send it (`Expect: 100-continue`) is. Once. */
  start(): void {
    const { request, response, maxBytes } = this.#options;
    // Told beforehand, none of it needs to be taken.
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > maxBytes) {
      this.#refuse(announced);
      return;
    }
    if (expectsContinue(request)) response.writeContinue();
    request.on('data', this.#onData);
    request.once('end', this.#onEnd);
  }

  /** What has come, which is the caller's from here on. */
  take(): Buffer {
    const body = Buffer.concat([...this.#chunks, ...this.#loose]);
    this.letGo();
    return body;
  }

  /** It is not wanted any more. Idempotent. */
  letGo(): void {
    this.#isOver = true;
    this.#options.request.off('data', this.#onData).off('end', this.#onEnd);
    this.#chunks = [];
    this.#loose = [];
    this.#held.set(0);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxBytes) {
      this.#refuse(this.#bytes);
      return;
    }
    this.#loose.push(chunk);
    if (this.#loose.length >= MAX_LOOSE_PIECES) {
      this.#chunks.push(Buffer.concat(this.#loose));
      this.#loose = [];
    }
    this.#held.set(this.#bytes);
  };

  readonly #onEnd = (): void => {
    if (!this.#isOver) this.#options.onWhole();
  };

  #refuse(bytes: number): void {
    const { maxBytes, onTooLarge } = this.#options;
    this.letGo();
    onTooLarge(
      new SluiceError(
        'MESSAGE_TOO_LARGE',
        `a body of ${bytes} bytes or more is over the limit of ${maxBytes} bytes (server.maxMessageSize)`,
      ),
    );
  }
}
