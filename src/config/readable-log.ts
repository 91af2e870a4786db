import type { DestinationStream } from 'pino';

/** Fields that are the same on every line, or stand in its fixed part. */
const FIXED = new Set(['time', 'level', 'service', 'node', 'msg', 'err']);

const PLAIN = /^[\x21-\x7e]+$/;

/** Turns pino's lines of JSON into lines for people: time, level, message, `name=value`; a stack below. */
export function readableLines(target: DestinationStream): DestinationStream {
  return {
    write(json: string): void {
      target.write(readable(JSON.parse(json) as Readonly<Record<string, unknown>>));
    },
  };
}

function readable(line: Readonly<Record<string, unknown>>): string {
  const time = String(line['time']).slice(11, 23);
  const level = String(line['level']).toUpperCase().padEnd(5);
  const fields = Object.entries(line)
    .filter(([name]) => !FIXED.has(name))
    .map(
      ([name, value]) =>
        ` ${name}=${typeof value === 'string' && PLAIN.test(value) ? value : safe(JSON.stringify(value))}`,
    );
  const message = typeof line['msg'] === 'string' ? safe(line['msg']) : '';
  return `${time} ${level} ${message}${fields.join('')}${stackOf(line['err'])}\n`;
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
  return `\n${String(error.stack)}`;
}
