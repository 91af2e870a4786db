import type { Clock, Timer } from '../../core/clock.js';
import type { Output } from '../frame/command-io.js';

/** Whoever is done sooner needs no bar. Milliseconds. */
const FIRST_AFTER_MS = 1000;
/** Often enough to look alive. Milliseconds. */
const EVERY_MS = 200;

/** Cells at the end: a terminal writes ^C where the cursor is, and what wraps is not erased. */
const FREE = 3;

const ERASE = '\r\u001b[K';

/**
 * The last line of a terminal, that says how far something is. Whatever else
 * is written there is written after `hide`; the line comes back by itself.
 * Where there is no terminal it does nothing.
 */
export class LiveLine {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #text: (columns: number) => string;
  #timer: Timer | undefined;
  #shown = false;

  /** `text` gives what fits into so many cells. */
  constructor(output: Output, clock: Clock, text: (columns: number) => string) {
    this.#output = output;
    this.#clock = clock;
    this.#text = text;
  }

  start(firstAfterMs = FIRST_AFTER_MS): void {
    if (this.#output.isTerminal) this.#drawIn(firstAfterMs);
  }

  /** The line is free, at its beginning. */
  hide(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#output.write(ERASE);
  }

  /** Nothing is left of it. Idempotent. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.hide();
  }

  #drawIn(delayMs: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#output.write(ERASE + this.#text(Math.max(0, this.#output.columns - FREE)));
      this.#shown = true;
      this.#drawIn(EVERY_MS);
    }, delayMs);
  }
}
