/** How an example looks while it runs: redrawn in place on a terminal, elsewhere a line a second. */
import type { Report } from './report.js';

const LINE_EVERY_S = 1;
const UP_AND_CLEAR = (lines: number) => `\x1b[${lines}A\x1b[J`;

export class LiveView {
  readonly #report: Report;
  #drawn = 0;
  #nextLineAt = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** A line that stays, above what is redrawn. */
  say(text: string): void {
    if (this.#drawn > 0) process.stdout.write(UP_AND_CLEAR(this.#drawn));
    this.#drawn = 0;
    this.#report.say(text);
  }

  /** `screen` in place of what was drawn last; or `line`, where there is no terminal and a second is over. */
  show(screen: readonly string[], line: string): void {
    if (process.stdout.isTTY) {
      const width = process.stdout.columns;
      const lines = screen.slice(0, process.stdout.rows - 1).map((each) => each.slice(0, width - 1));
      const clear = this.#drawn === 0 ? '' : UP_AND_CLEAR(this.#drawn);
      process.stdout.write(`${clear}${lines.join('\n')}\n`);
      this.#drawn = lines.length;
    } else if (this.#report.seconds >= this.#nextLineAt) {
      this.#nextLineAt = this.#report.seconds + LINE_EVERY_S;
      this.#report.say(line);
    }
  }
}

/** How full something is: `████░░░░`. */
export function bar(value: number, limit: number, width = limit): string {
  const full = Math.round((Math.min(value, limit) / limit) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}
