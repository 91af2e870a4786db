import type { DestinationStream } from 'pino';

/** Fields that are the same on every line, or stand in its fixed part. */
const FIXED = new Set(['time', 'level', 'service', 'node', 'msg', 'err']);

/** Lines that always have all of their keys (docs/metrics.md): a person is shown those that say something. */
const REPORTS = new Set<unknown>(['metrics', 'metrics at stop']);

const PLAIN = /^[\x21-\x7e]+$/;

/** ECMA-48 "select graphic rendition" parameters. */
const COLOURS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
};

/** What pino writes to, and flushes when asked to. */
export interface LogTarget extends DestinationStream {
  flush?(): void;
}

export interface ReadableOptions {
  /** Whether the level is coloured. */
  readonly colour: boolean;
}

/** Turns pino's lines of JSON into lines for people: time, level, message, `name=value`; a stack below. */
export function readableLines(target: LogTarget, { colour }: ReadableOptions): LogTarget {
  return {
    flush: () => target.flush?.(),
    write(json: string): void {
      target.write(readable(JSON.parse(json) as Readonly<Record<string, unknown>>, colour));
    },
  };
}

function readable(line: Readonly<Record<string, unknown>>, colour: boolean): string {
  const time = String(line['time']).slice(11, 23);
  const isReport = REPORTS.has(line['msg']);
  const fields = Object.entries(line)
    .filter(([name, value]) => !FIXED.has(name) && !(isReport && (value === 0 || value === '')))
    .map(
      ([name, value]) =>
        ` ${name}=${typeof value === 'string' && PLAIN.test(value) ? value : safe(JSON.stringify(value))}`,
    );
  const message = typeof line['msg'] === 'string' ? safe(line['msg']) : '';
  return `${time} ${levelOf(String(line['level']), colour)} ${message}${fields.join('')}${stackOf(line['err'])}\n`;
}

function levelOf(level: string, colour: boolean): string {
  const padded = level.toUpperCase().padEnd(5);
  const code = COLOURS[level];
  return colour && code !== undefined ? `\u001b[${String(code)}m${padded}\u001b[39m` : padded;
}

/** What a client chose must not steer the reader's terminal, nor begin a line of its own. */
function safe(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (control) =>
    JSON.stringify(control)
      .slice(1, -1)
      .replace(/[\x7f-\x9f]/, '?'),
  );
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('stack' in error)) return '';
  return `\n${String(error.stack).split('\n').map(safe).join('\n')}`;
}
