import { isPrintableId } from '../core/printable.js';
import { parseTime } from './rfc3339.js';

/** Unix milliseconds, 9999-12-31T23:59:59Z: what was issued before is everything. */
export const WHENEVER_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

const BLANKS = /\s+/;

/**
 * Reads `subject [RFC 3339 time]` lines into subjects and the time before
 * which what was issued is refused. `#` begins a comment line; a subject with
 * blanks, or that begins with `#` or a quote, is a JSON string. Of several lines
 * of one subject the latest time holds: a file that is only ever appended to
 * must not stop counting over that. Throws an Error that names the first line
 * that is none of that.
 */
export function readRevocations(text: string, max: number): ReadonlyMap<string, number> {
  const revoked = new Map<string, number>();
  let n = 0;
  for (const raw of linesOf(text)) {
    n += 1;
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const wrong = (reason: string): Error => new Error(`line ${n}: ${reason}`);
    const { subject, rest } = splitLine(line, wrong);
    if (!isPrintableId(subject)) throw wrong('the subject is not 1 to 128 printable characters');
    const issuedBeforeMs = rest === '' ? WHENEVER_MS : parseTime(rest);
    if (issuedBeforeMs === undefined) {
      throw wrong(
        'behind the subject stands something else than a time such as 2030-01-31T12:00:00Z (RFC 3339)',
      );
    }
    const before = revoked.get(subject);
    if (before === undefined && revoked.size >= max) {
      throw wrong(`more than the ${max} subjects of auth.revocation.max`);
    }
    revoked.set(subject, Math.max(issuedBeforeMs, before ?? -Infinity));
  }
  return revoked;
}

/** One after the other: a list of all lines of a file that has gone wrong may be as large as memory. */
function* linesOf(text: string): Generator<string> {
  let from = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
    yield text.slice(from, at);
    from = at + 1;
  }
  yield text.slice(from);
}

interface Parts {
  readonly subject: string;
  readonly rest: string;
}

function splitLine(line: string, wrong: (reason: string) => Error): Parts {
  if (!line.startsWith('"')) {
    const [subject = '', ...rest] = line.split(BLANKS);
    return { subject, rest: rest.join(' ') };
  }
  const string = /^"(?:[^"\\]|\\.)*"/.exec(line)?.[0];
  const rest = line.slice(string?.length ?? 0);
  // A time that touches the quote is more likely a quote in the wrong place.
  if (string === undefined || (rest !== '' && !/^\s/.test(rest)))
    throw wrong('a quote is not closed, or not at the end of the subject');
  try {
    return { subject: JSON.parse(string) as string, rest: rest.trim() };
  } catch {
    throw wrong('the subject in quotes is not a JSON string');
  }
}
