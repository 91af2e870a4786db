import type { Message } from '../../client/message.js';
import type { CommandIo, Output } from '../frame/command-io.js';
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
}

const HEX_SHOWN = 32;

/** Writes messages to the standard output, no faster than it takes them. */
export class MessagePrinter {
  readonly #output: Output;
  readonly #options: PrinterOptions;

  constructor({ stdout }: Pick<CommandIo, 'stdout'>, options: PrinterOptions) {
    this.#output = stdout;
    this.#options = options;
  }

  /** Returns a promise where the output has to be waited for. */
  print(message: Message): Promise<void> | undefined {
    const { format, metadata = false } = this.#options;
    if (format === 'json') return this.object(messageObject(message));
    if (format === 'bytes' && !this.#output.isTerminal) return this.#write(message.data);
    const head = metadata ? this.#head(message) : '';
    if (this.#output.isTerminal) return this.#write(`${head}${terminalText(message.data)}\n`);
    if (head !== '') this.#output.write(head);
    this.#output.write(message.data);
    return this.#write('\n');
  }

  object(object: Readonly<Record<string, unknown>>): Promise<void> | undefined {
    return this.#write(`${JSON.stringify(object)}\n`);
  }

  #head({ sequence, key, metadata }: Message): string {
    const words = [
      ...(sequence === 0 ? [] : [`#${sequence}`]),
      ...(key === '' ? [] : [`key=${visible(key)}`]),
      ...[...metadata].map(([name, value]) => `${visible(name)}=${visible(value)}`),
    ];
    return words.length === 0 ? '' : `${this.#output.paint.dim(`[${words.join(' ')}]`)} `;
  }

  #write(data: string | Uint8Array): Promise<void> | undefined {
    return this.#output.write(data) ? undefined : this.#output.drained();
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
