/** What the gateway writes to its log, as an operator reads it. */
import type { LogLine } from '../kit/gateway-process.js';

/** The longest that anything and its line may take, on a machine that is busy with other things. */
export const LINE_MS = 30_000;
/** Lines that are kept: the example makes far fewer. */
const MAX_LINES = 10_000;

/** Fields of every line that say nothing about the event. */
const EVERY_LINE: ReadonlySet<string> = new Set(['level', 'time', 'service', 'node', 'msg']);

export class GatewayLog {
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();

  readonly write = (line: LogLine): void => {
    if (this.#lines.length < MAX_LINES) this.#lines.push(line);
    for (const look of this.#waiting) look();
  };

  /** The first line that fits, past or coming; undefined where none has come in time. */
  find(fits: (line: LogLine) => boolean, withinMs: number): Promise<LogLine | undefined> {
    return new Promise((resolve) => {
      let seen = 0;
      const look = (): void => {
        for (; seen < this.#lines.length; seen += 1) {
          const line = this.#lines[seen];
          if (line !== undefined && fits(line)) done(line);
        }
      };
      const timer = setTimeout(() => {
        done(undefined);
      }, withinMs);
      const done = (line: LogLine | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(line);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** As a terminal shows it: level, message, fields. */
export function shown(line: LogLine, fields?: readonly string[]): string {
  const names = fields ?? Object.keys(line).filter((name) => !EVERY_LINE.has(name));
  const pairs = names.filter((name) => name in line).map((name) => `${name}=${JSON.stringify(line[name])}`);
  return `${String(line['level'])} "${line.msg}" ${pairs.join(' ')}`;
}
