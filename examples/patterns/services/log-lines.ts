/** What a line of the log says, and who wants it. */

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

export interface LogLine {
  /** Unix milliseconds. */
  readonly timeMs: number;
  readonly level: Level;
  readonly service: string;
  readonly text: string;
}

export interface LogFilter {
  /** Empty: all. */
  readonly services: readonly string[];
  readonly minLevel: Level;
  /** 0: no limit. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

const LINE = /^(\S+) (debug|info|warn|error) (\S+) (.*)$/s;

/** `2026-11-21T23:00:00.000Z warn api it is late` */
export function writtenLine({ timeMs, level, service, text }: LogLine): string {
  return `${new Date(timeMs).toISOString()} ${level} ${service} ${text}\n`;
}

/** Undefined for what is no line of the log, the rest of a stack trace for example. */
export function readLine(line: string): LogLine | undefined {
  const [, time = '', level, service = '', text = ''] = LINE.exec(line) ?? [];
  const timeMs = Date.parse(time);
  return Number.isNaN(timeMs) ? undefined : { timeMs, level: level as Level, service, text };
}

export function isWanted({ timeMs, level, service }: LogLine, filter: LogFilter): boolean {
  return (
    LEVELS.indexOf(level) >= LEVELS.indexOf(filter.minLevel) &&
    (filter.services.length === 0 || filter.services.includes(service)) &&
    timeMs >= filter.sinceMs &&
    (filter.untilMs === 0 || timeMs <= filter.untilMs)
  );
}
