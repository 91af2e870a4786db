/** What is asked for and written, the same in each form. */
import type { LogFile } from './log-file.js';
import { LEVELS, type LogFilter, type LogLine } from './services/log-lines.js';

const BEGAN_MS = Date.parse('2026-01-01T00:00:00Z');
const SERVICES = ['api', 'web', 'db'];

/** Four hundred lines, one a second. */
export function historicLines(): LogLine[] {
  return Array.from({ length: 400 }, (_, n) => ({
    timeMs: BEGAN_MS + n * 1_000,
    level: LEVELS[n % LEVELS.length]!,
    service: SERVICES[n % SERVICES.length]!,
    text: `request ${n}`,
  }));
}

export const FILTERED: LogFilter = {
  services: ['api', 'db'],
  minLevel: 'warn',
  sinceMs: BEGAN_MS + 60_000,
  untilMs: BEGAN_MS + 300_000,
};

/** So many of `web` there are before, and in each part that is written later. */
const BEFORE = 133;
/** After a truncation less: what is no shorter than what was read looks as if nothing had happened. */
const PARTS = [20, 20, 10];

/**
 * Writes on as a follower of `web` sees what was written: a part, a part in a
 * new file, and one in the same file truncated. False when it has seen all.
 */
export function writingOn(log: LogFile): (seen: number) => boolean {
  let parts = 0;
  let written = BEFORE;
  return (seen) => {
    if (seen < written) return true;
    const length = PARTS[parts];
    if (length === undefined) return false;
    if (parts === 1) log.rotate();
    if (parts === 2) log.truncate();
    parts += 1;
    written += length;
    const timeMs = BEGAN_MS + parts * 1_000_000;
    log.write(
      Array.from({ length }, (_, n) => ({
        timeMs,
        level: 'info',
        service: 'web',
        text: `part ${parts}, line ${n}`,
      })),
    );
    return true;
  };
}

export const MEASURED: readonly (readonly [name: string, value: number])[] = Array.from(
  { length: 999 },
  (_, n) => [['cpu', 'memory', 'disk'][n % 3]!, n / 4],
);

export const WRONG: readonly (readonly [name: string, value: number])[] = [
  ['cpu', 1],
  ['cpu', NaN],
  ['cpu', 3],
];
