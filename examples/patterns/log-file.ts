/** The log that the services write, as the example writes it. */
import { appendFileSync, existsSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type LogLine, writtenLine } from './services/log-lines.js';

/** As many as are told from one another: services/follow-file.ts. */
const MAX_ROTATED = 9;

export class LogFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** A new one; what was rotated away is gone, too. */
  begin(): void {
    for (let age = 0; age <= MAX_ROTATED; age += 1) rmSync(this.#nameOf(age), { force: true });
    writeFileSync(this.path, '');
  }

  write(lines: readonly LogLine[]): void {
    appendFileSync(this.path, lines.map(writtenLine).join(''));
  }

  /** As logrotate does: `app.log.1` is what `app.log` was, `app.log.2` what `app.log.1` was. */
  rotate(): void {
    for (let age = MAX_ROTATED - 1; age >= 0; age -= 1) {
      if (existsSync(this.#nameOf(age))) renameSync(this.#nameOf(age), this.#nameOf(age + 1));
    }
    writeFileSync(this.path, '');
  }

  /** As logrotate's `copytruncate` does. */
  truncate(): void {
    truncateSync(this.path);
  }

  #nameOf(age: number): string {
    return age === 0 ? this.path : `${this.path}.${age}`;
  }
}
