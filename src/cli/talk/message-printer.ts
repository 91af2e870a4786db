import type { Message } from '../../client/message.js';
import type { Clock } from '../../core/clock.js';
import type { CommandIo, Output } from '../frame/command-io.js';
import { jsonLine } from '../frame/json-line.js';
import { visible } from '../frame/text-width.js';
import { messageObject, textOf } from './message-object.js';

export type PrintFormat =
  /** A line each: as they are where a program reads, harmless where a terminal does. */
  | 'text'
  /** A JSON object a line. */
  | 'json'
  /** The bytes alone, one behind the other. */
  | 'bytes';

export interface PrinterOptions {
  readonly format: PrintFormat;
  /** Key and metadata before each text. */
  readonly metadata?: boolean;
  /** Called before something is written to a terminal, to clear what stands in its last line. */
  readonly clearLine?: () => void;
}

const HEX_SHOWN = 32;

/** So much is written at once. Bytes. */
const WRITE_BYTES = 64 * 1024;
const NEWLINE = Uint8Array.of(0x0a);

/**
 * Writes messages to the standard output, no faster than it takes them: those
 * of one turn in one write, for a system call each would cost more than all the rest.
 */
export class MessagePrinter {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #options: PrinterOptions;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isFlushDue = false;
  #draining: Promise<void> | undefined;

  constructor({ stdout, clock }: Pick<CommandIo, 'stdout' | 'clock'>, options: PrinterOptions) {
    this.#output = stdout;
    this.#clock = clock;
    this.#options = options;
  }

  /** Returns a promise where the output has to be waited for. */
  print(message: Message): Promise<void> | undefined {
    const { format, metadata = false } = this.#options;
    if (format === 'json') return this.object(messageObject(message));
    if (format === 'bytes' && !this.#output.isTerminal) return this.#add(message.data);
    const head = metadata ? this.#head(message) : '';
    if (this.#output.isTerminal) return this.#add(Buffer.from(`${head}${terminalText(message.data)}\n`));
    if (head !== '') void this.#add(Buffer.from(head));
    void this.#add(message.data);
    return this.#add(NEWLINE);
  }

  object(object: Readonly<Record<string, unknown>>): Promise<void> | undefined {
    return this.#add(Buffer.from(jsonLine(object)));
  }

  /** What was printed is written now: call it at the end, and before anything else is written there. */
  flush(): void {
    if (this.#bytes === 0) return;
    if (this.#output.isTerminal) this.#options.clearLine?.();
    const [only] = this.#pieces;
    const isTaken = this.#output.write(
      this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces, this.#bytes),
    );
    this.#pieces = [];
    this.#bytes = 0;
    if (!isTaken) this.#draining ??= this.#drain();
  }

  #add(piece: Uint8Array): Promise<void> | undefined {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes >= WRITE_BYTES) this.flush();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      this.#clock.setImmediate(() => {
        this.#isFlushDue = false;
        this.flush();
      });
    }
    return this.#draining;
  }

  async #drain(): Promise<void> {
    await this.#output.drained();
    this.#draining = undefined;
  }

  #head({ sequence, key, metadata }: Message): string {
    const words = [
      ...(sequence === 0 ? [] : [`#${sequence}`]),
      ...(key === '' ? [] : [`key=${visible(key)}`]),
      ...[...metadata].map(([name, value]) => `${visible(name)}=${visible(value)}`),
    ];
    return words.length === 0 ? '' : `${this.#output.paint.dim(`[${words.join(' ')}]`)} `;
  }
}

/** What was received, for a terminal: nothing of it moves the cursor but its line breaks and tabs. */
export function terminalText(data: Uint8Array): string {
  const text = textOf(data);
  if (text !== undefined) return text.split('\n').map(visibleLine).join('\n');
  const hex = Buffer.from(data.subarray(0, HEX_SHOWN)).toString('hex');
  return `(${data.length} bytes, no text: ${hex}${data.length > HEX_SHOWN ? '…' : ''})`;
}

function visibleLine(line: string): string {
  return line.split('\t').map(visible).join('\t');
}
