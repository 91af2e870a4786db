import { accept, type Format, textual, UNREAD } from './format.js';
import { list } from './list.js';

/** Text that matches `pattern` as a whole; `allowed` says in words what that is. */
export function text(pattern: RegExp, allowed: string): Format<string> {
  return textual({
    allowed,
    print: (value) => value,
    parse: (written) => (pattern.test(written) ? { value: written } : UNREAD),
  });
}

/** The path of a file, relative to the working directory of the process; "" for none. */
export function filePath(): Format<string> {
  // Paths end at a NUL byte in the system's calls: one inside would name another file.
  return text(/^[^\0]{0,4096}$/, 'the path of a file');
}

/** Several texts that each match `pattern`: a list, or one text with commas. "" in a variable or flag is none. */
export function textList(pattern: RegExp, one: string, max: number): Format<readonly string[]> {
  const allowed = `at most ${String(max)} texts, each ${one}`;
  const many = list(text(pattern, one), {
    allowed,
    summary: allowed,
    minItems: 0,
    maxItems: max,
    item: 'text',
  });
  return {
    ...many,
    read: (raw) => (raw.kind === 'text' && raw.text === '' ? accept([]) : many.read(raw)),
  };
}
