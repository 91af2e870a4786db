import { stripVTControlCharacters } from 'node:util';
import type { CommandIo } from './command-io.js';
import { cellsOf } from './text-width.js';

/** xterm's private modes: the alternate screen, the cursor, wrapping at the edge, and updates shown as one. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const BEGIN_UPDATE = '\u001b[?2026h';
const END_UPDATE = '\u001b[?2026l';
const HOME = '\u001b[H';
const ERASE_LINE = '\u001b[K';
const ERASE_BELOW = '\u001b[J';

/**
 * The whole terminal, and its keys, until `leave`: which happens by itself
 * where the process ends without. What was on it before is there again then.
 */
export class Screen {
  readonly #io: CommandIo;
  readonly #takeBack: () => void;
  #left = false;

  constructor(io: CommandIo) {
    this.#io = io;
    this.#takeBack = io.onAbruptEnd(() => {
      this.leave();
    });
    io.stdin.setRaw(true);
    io.stdout.write(ENTER);
  }

  /** Draws over what there was: nothing is erased first, so that nothing flickers. */
  draw(lines: readonly string[]): void {
    if (this.#left) return;
    // Behind a line as wide as the screen the cursor stands on its last cell, which would be erased.
    const isFull = (line: string): boolean =>
      cellsOf(stripVTControlCharacters(line)) >= this.#io.stdout.columns;
    const text = lines.map((line) => (isFull(line) ? line : `${line}${ERASE_LINE}`)).join('\r\n');
    const rest = lines.length < this.#io.stdout.rows ? `\r\n${ERASE_BELOW}` : '';
    this.#io.stdout.write(`${BEGIN_UPDATE}${HOME}${text}${rest}${END_UPDATE}`);
  }

  /** Idempotent. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#io.stdin.setRaw(false);
    this.#io.stdout.write(LEAVE);
    this.#takeBack();
  }
}
