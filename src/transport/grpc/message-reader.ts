import { SluiceError } from '../../core/errors.js';
import { RingQueue } from '../../flow/ring-queue.js';
import { BatchReader, decodeMessage, StringCache } from '../../wire/codec.js';
import { type DataMessage, dataMessage } from '../../wire/messages.js';
import type { Framing } from '../framing.js';
import { HeldBytes, type BufferAccount } from '../../flow/held-bytes.js';
import { asUnreadable, manyRequests, noRequest, truncated } from '../stream-errors.js';
import { FrameReader } from './frame-reader.js';
import { inflateMessage } from './inflate.js';
import type { MessageEncoding } from './request-headers.js';

/** So much of what was pushed is begun at a time: who takes the messages looks at his room in bytes in between. */
const FILL_BYTES = 16 * 1024;

/** What a chunk takes beside its bytes while it waits: the view of it, and its place. Else frames of one byte would cost nothing. */
const CHUNK_OVERHEAD_BYTES = 128;

/** What `fill` stopped at. */
export type FillOutcome =
  /** As many messages as were asked for, or as are handed over at a time; there may be more. */
  | 'full'
  /** What has been read is used up. */
  | 'empty'
  /** A message is being inflated; `onInflated` says when to go on. */
  | 'inflating'
  /** Why what comes next can't be read. Nothing more will come. */
  | SluiceError;

/**
 * The messages of one direction of a stream: chunks in, messages out, no more
 * than asked for. What was not asked for stays raw.
 */
export class MessageReader {
  readonly #framing: Framing;
  readonly #encoding: MessageEncoding;
  readonly #maxMessageBytes: number;
  readonly #onInflated: () => void;
  readonly #frames: FrameReader;
  readonly #held: HeldBytes;
  /** The first chunk that was pushed and not begun, and those behind it: most often there is one at most, and most streams are idle. */
  #chunk: Uint8Array | undefined;
  #chunks: RingQueue<Uint8Array> | undefined;
  #chunkBytes = 0;
  /** Of the chunks that this `fill` has begun. */
  #begunBytes = 0;
  #strings: StringCache | undefined;
  #batch: BatchReader | undefined;
  /** Of the batch being read, or of the message being inflated. */
  #bodyBytes = 0;
  /** What the last compressed message came to, until it is read. */
  #inflated: Uint8Array | SluiceError | undefined;
  #inflating = false;
  #cleared = false;
  /** The one message of a `request` was handed over. */
  #hasRequest = false;

  constructor(
    framing: Framing,
    encoding: MessageEncoding,
    maxMessageBytes: number,
    onInflated: () => void,
    account?: BufferAccount,
  ) {
    this.#framing = framing;
    this.#encoding = encoding;
    this.#maxMessageBytes = maxMessageBytes;
    this.#onInflated = onInflated;
    this.#frames = new FrameReader(maxMessageBytes);
    this.#held = new HeldBytes(account);
  }

  /** Why the call is refused at its half-close: within a message, or without the one it has to bring. */
  get incomplete(): SluiceError | undefined {
    if (this.#frames.midFrame) return truncated();
    return this.#framing === 'request' && !this.#hasRequest ? noRequest() : undefined;
  }

  /** What is held for the stream, as it was counted. */
  get heldBytes(): number {
    return this.#held.counted;
  }

  /** What was pushed and not begun yet, in bytes, with what each chunk takes beside its own. */
  get pushedBytes(): number {
    return this.#chunkBytes;
  }

  /** The next chunk. Counted as held by the next `fill`, or `count`. */
  push(chunk: Uint8Array): void {
    if (this.#chunk === undefined) this.#chunk = chunk;
    else (this.#chunks ??= new RingQueue()).push(chunk);
    this.#chunkBytes += chunk.length + CHUNK_OVERHEAD_BYTES;
  }

  /** Counts what is held now: where nothing is filled, for there is no room. */
  count(): void {
    this.#held.set(this.#frames.heldBytes + this.#bodyBytes + this.#chunkBytes);
  }

  /** Forgets everything; for a stream that reads no more. */
  clear(): void {
    this.#cleared = true;
    this.#frames.clear();
    this.#chunk = undefined;
    this.#chunks = undefined;
    this.#chunkBytes = 0;
    this.#batch = undefined;
    this.#inflated = undefined;
    this.#strings = undefined;
    this.#bodyBytes = 0;
    this.#held.set(0);
  }

  /** Adds the next messages to `target`, up to `room` in all. Never throws. */
  fill(target: DataMessage[], room: number): FillOutcome {
    this.#begunBytes = 0;
    try {
      const outcome = this.#fill(target, room);
      // Now, and not for each chunk: what comes and goes within one call is not held.
      this.count();
      return outcome;
    } catch (error) {
      this.clear();
      return asUnreadable(error);
    }
  }

  #fill(target: DataMessage[], room: number): FillOutcome {
    if (this.#framing === 'message') return this.#fillSingly(target, room);
    return this.#framing === 'batch' ? this.#fillFromBatches(target, room) : this.#fillWhole(target, room);
  }

  #fillSingly(target: DataMessage[], room: number): FillOutcome {
    const frames = this.#frames;
    const strings = (this.#strings ??= new StringCache());
    while (target.length < room) {
      if (this.#inflated !== undefined) {
        const body = this.#takeInflated(this.#inflated);
        target.push(decodeMessage(body, 0, body.length, strings));
      } else {
        if (this.#inflating) return 'inflating';
        if (!frames.next() && !this.#nextOfChunks()) return this.#chunk === undefined ? 'empty' : 'full';
        if (frames.compressed) this.#inflate();
        else target.push(decodeMessage(frames.buffer as Uint8Array, frames.start, frames.end, strings));
      }
    }
    return 'full';
  }

  #fillFromBatches(target: DataMessage[], room: number): FillOutcome {
    const frames = this.#frames;
    const strings = (this.#strings ??= new StringCache());
    while (target.length < room) {
      if (this.#batch !== undefined) {
        const message = this.#batch.next();
        if (message === undefined) {
          this.#batch = undefined;
          this.#bodyBytes = 0;
        } else target.push(message);
      } else if (this.#inflated !== undefined) {
        const body = this.#takeInflated(this.#inflated);
        this.#bodyBytes = body.length;
        this.#batch = new BatchReader(body, 0, body.length, strings);
      } else {
        if (this.#inflating) return 'inflating';
        if (!frames.next() && !this.#nextOfChunks()) return this.#chunk === undefined ? 'empty' : 'full';
        if (frames.compressed) this.#inflate();
        else {
          this.#bodyBytes = frames.end - frames.start;
          this.#batch = new BatchReader(frames.buffer as Uint8Array, frames.start, frames.end, strings);
        }
      }
    }
    return 'full';
  }

  #fillWhole(target: DataMessage[], room: number): FillOutcome {
    const frames = this.#frames;
    while (target.length < room) {
      if (this.#inflated !== undefined) {
        this.#takeWhole(target, this.#takeInflated(this.#inflated));
      } else {
        if (this.#inflating) return 'inflating';
        if (!frames.next() && !this.#nextOfChunks()) {
          // Behind its request nothing of a call is gathered.
          if (frames.midFrame) this.#refuseBeyondRequest();
          return this.#chunk === undefined ? 'empty' : 'full';
        }
        if (frames.compressed) this.#inflate();
        else this.#takeWhole(target, (frames.buffer as Uint8Array).subarray(frames.start, frames.end));
      }
    }
    return 'full';
  }

  #takeWhole(target: DataMessage[], body: Uint8Array): void {
    this.#refuseBeyondRequest();
    this.#hasRequest = true;
    target.push(dataMessage({ data: body }));
  }

  #refuseBeyondRequest(): void {
    if (this.#framing === 'request' && this.#hasRequest) throw manyRequests();
  }

  /** The next whole message, in what was pushed beyond the chunk that is used up. */
  #nextOfChunks(): boolean {
    while (this.#begunBytes < FILL_BYTES) {
      const chunk = this.#chunk;
      if (chunk === undefined) return false;
      this.#chunk = this.#chunks?.shift();
      this.#chunkBytes -= chunk.length + CHUNK_OVERHEAD_BYTES;
      this.#begunBytes += chunk.length;
      this.#frames.push(chunk);
      if (this.#frames.next()) return true;
    }
    return false;
  }

  /** Starts on the compressed message just read. */
  #inflate(): void {
    if (this.#encoding === 'identity') {
      throw new SluiceError(
        'INTERNAL',
        'A message is marked as compressed, but the call names no grpc-encoding.',
      );
    }
    const { buffer, start, end } = this.#frames;
    this.#inflating = true;
    this.#bodyBytes = end - start;
    inflateMessage(
      this.#encoding,
      (buffer as Uint8Array).subarray(start, end),
      this.#maxMessageBytes,
      (result) => {
        this.#inflating = false;
        if (this.#cleared) return;
        this.#inflated = result;
        this.#bodyBytes = result instanceof SluiceError ? 0 : result.length;
        this.count();
        this.#onInflated();
      },
    );
  }

  #takeInflated(result: Uint8Array | SluiceError): Uint8Array {
    this.#inflated = undefined;
    this.#bodyBytes = 0;
    if (result instanceof SluiceError) throw result;
    return result;
  }
}
