import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import type { CommandIo, Output } from '../frame/command-io.js';

/** Lines one may come back to with the arrow keys. */
const HISTORY = 1000;

export interface ChatScreenEvents {
  readonly onLine: (line: string) => void;
  /** Ctrl-D, or the input is over. */
  readonly onEnd: () => void;
  /** Ctrl-C: while lines are edited the terminal makes no signal of it. */
  readonly onInterrupt: () => void;
}

/** A terminal with a line being typed at the bottom, above which others speak. */
export class ChatScreen {
  readonly #io: CommandIo;
  readonly #output: TerminalStream;
  readonly #readline: Interface;
  readonly #keepRaw: () => void;
  #said: string[] = [];
  #isDue = false;
  #isClosed = false;

  constructor(io: CommandIo, prompt: string, events: ChatScreenEvents) {
    this.#io = io;
    this.#output = new TerminalStream(io.stdout);
    this.#keepRaw = io.onAbruptEnd(() => {
      io.stdin.setRaw(false);
    });
    this.#readline = createInterface({
      input: io.stdin.stream,
      output: this.#output,
      terminal: true,
      prompt,
      historySize: HISTORY,
      removeHistoryDuplicates: true,
    });
    this.#readline
      .on('line', (line) => {
        events.onLine(line);
        if (!this.#isClosed) this.#readline.prompt();
      })
      .on('SIGINT', events.onInterrupt)
      .on('close', events.onEnd);
    this.#readline.prompt();
  }

  /** Whole lines, harmless ones, above the one being typed. Resolves when there is room for more. */
  say(text: string): Promise<void> {
    this.#said.push(text);
    if (this.#isClosed) this.#flush();
    else if (!this.#isDue) {
      this.#isDue = true;
      // A burst is drawn once.
      this.#io.clock.setImmediate(() => {
        this.#isDue = false;
        this.#flush();
      });
    }
    return this.#io.stdout.drained();
  }

  setPrompt(prompt: string): void {
    if (this.#readline.getPrompt() === prompt || this.#isClosed) return;
    this.#flush();
    this.#eraseLine();
    this.#readline.setPrompt(prompt);
    this.#drawLine();
  }

  /** The line being typed is gone; the terminal is as it was. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#eraseLine();
    this.#isClosed = true;
    this.#readline.removeAllListeners('close').close();
    this.#output.release();
    this.#keepRaw();
  }

  #flush(): void {
    if (this.#said.length === 0) return;
    const text = `${this.#said.join('\n')}\n`;
    this.#said = [];
    if (this.#isClosed) {
      this.#io.stdout.write(text);
      return;
    }
    this.#eraseLine();
    this.#io.stdout.write(text);
    this.#drawLine();
  }

  /** The cursor is where the prompt is to begin. */
  #drawLine(): void {
    // Readline first goes up by the rows that it believes its cursor to be below the prompt (after a paste it does
    // not know them: nodejs's insertString writes it as it is).
    const { prevRows = this.#readline.getCursorPos().rows } = this.#readline as { prevRows?: number };
    this.#io.stdout.write('\n'.repeat(prevRows));
    this.#readline.prompt(true);
  }

  /** The cursor stands where the prompt began. */
  #eraseLine(): void {
    const { rows } = this.#readline.getCursorPos();
    this.#io.stdout.write(`\r${rows === 0 ? '' : `\u001b[${rows}A`}\u001b[J`);
  }
}

/** What readline draws on. */
class TerminalStream extends Writable {
  readonly isTTY = true;
  readonly #output: Output;
  readonly release: () => void;

  constructor(output: Output) {
    super({ decodeStrings: false });
    this.#output = output;
    this.release = output.onResize(() => this.emit('resize'));
  }

  get columns(): number {
    return this.#output.columns;
  }

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#output.write(chunk);
    done();
  }
}
