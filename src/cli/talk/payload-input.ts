import { unreadable } from '../frame/unreadable.js';
import { counted } from './amounts.js';
import type { InputMessage } from './input-message.js';
import { readMessageObject } from './message-object.js';

/** How an input is divided into messages. */
export type InputFormat =
  | { readonly kind: 'lines' }
  /** Each line is a JSON object. */
  | { readonly kind: 'json' }
  /** All of it is one payload. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'chunk'; readonly bytes: number };

/** What stands in the input can not be sent; the message says where and why. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** How the input is called that has no name. */
export const STDIN = 'the standard input';

/** The input, where a failure to read it is a `CommandError` that names it. */
export async function* readable(
  input: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* input;
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** The longest line, and the largest input that is one payload: this much is held in memory. */
const MAX_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The messages of an input, several at a time as they were read. Holds one
 * message, or one chunk of the input, at most. Throws `InputError`, and what
 * reading throws.
 */
export async function* inputMessages(
  input: AsyncIterable<Uint8Array>,
  format: InputFormat,
): AsyncGenerator<readonly InputMessage[], void, void> {
  switch (format.kind) {
    case 'lines':
      for await (const lines of linesOf(input))
        yield lines.map((data) => ({ data, inputBytes: data.length + 1 }));
      return;
    case 'json':
      yield* objectsOf(input);
      return;
    case 'whole':
      yield [{ data: await wholeOf(input) }];
      return;
    case 'chunk':
      for await (const chunks of chunksOf(input, format.bytes)) yield chunks.map((data) => ({ data }));
  }
}

/** Lines without their "\n"; what follows the last one is a line where it is not empty. */
export async function* linesOf(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Uint8Array[], void, void> {
  const rest = new Pieces('a line is longer than');
  for await (const chunk of input) {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      lines.push(rest.take(chunk.subarray(from, end)));
      from = end + 1;
    }
    rest.add(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (rest.bytes > 0) yield [rest.take()];
}

async function* objectsOf(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly InputMessage[], void, void> {
  let line = 0;
  for await (const lines of linesOf(input)) {
    const messages: InputMessage[] = [];
    let fault: InputError | undefined;
    for (const text of lines) {
      line += 1;
      const read = readMessageObject(text);
      if (read.kind === 'fault') {
        fault = new InputError(`line ${line} of the input ${read.reason}`);
        break;
      }
      if (read.kind === 'message') messages.push({ ...read.message, inputBytes: text.length + 1 });
    }
    if (messages.length > 0) yield messages;
    if (fault !== undefined) throw fault;
  }
}

async function wholeOf(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces = new Pieces('the input is larger than');
  for await (const chunk of input) pieces.add(chunk);
  return pieces.take();
}

async function* chunksOf(
  input: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<readonly Uint8Array[], void, void> {
  const rest = new Pieces('a chunk is larger than');
  for await (const chunk of input) {
    const chunks: Uint8Array[] = [];
    let from = 0;
    while (rest.bytes + chunk.length - from >= size) {
      const end = from + size - rest.bytes;
      chunks.push(rest.take(chunk.subarray(from, end)));
      from = end;
    }
    rest.add(chunk.subarray(from));
    if (chunks.length > 0) yield chunks;
  }
  if (rest.bytes > 0) yield [rest.take()];
}

/** What was read and does not yet make a message. */
class Pieces {
  bytes = 0;
  readonly #tooLarge: string;
  #pieces: Uint8Array[] = [];

  constructor(tooLarge: string) {
    this.#tooLarge = tooLarge;
  }

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.bytes += piece.length;
    if (this.bytes > MAX_BYTES) {
      const limit = `${counted(MAX_BYTES / 1024 / 1024, 'MiB', 'MiB')}, which is all that is held here`;
      throw new InputError(`${this.#tooLarge} ${limit}: send it in pieces with --chunk`);
    }
    this.#pieces.push(piece);
  }

  /** All of them and `last`, as one; nothing is left. */
  take(last?: Uint8Array): Uint8Array {
    if (this.#pieces.length === 0 && last !== undefined) return last;
    if (last !== undefined) this.add(last);
    const [only] = this.#pieces;
    const whole = this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.bytes = 0;
    return whole;
  }
}
