import { ROOT, refuseJson } from './json-fields.js';

/** Below this the fields are not counted: they can't be so many that it matters. */
const SHORT_TEXT = 16 * 1024;

/**
 * The value of a JSON text. Refuses one of more than `maxValues` values before
 * it is parsed: 5 MiB of `{}` would become a hundred times that.
 * @throws SluiceError INVALID_MESSAGE that quotes nothing of it: it may hold a token.
 */
export function parseJson(text: string, maxValues: number): unknown {
  if (text.length > SHORT_TEXT && hasMoreValues(text, maxValues)) {
    refuseJson(ROOT, `has more than ${maxValues} values`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    return refuseJson(ROOT, `is not JSON${placeOf(error)}`);
  }
}

/** Whether more than so many values stand in it: each but the first is behind a comma, a bracket or a brace. */
function hasMoreValues(text: string, max: number): boolean {
  let left = max;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case 0x22: // "
        index = endOfString(text, index + 1);
        break;
      case 0x2c: // ,
      case 0x5b: // [
      case 0x7b: // {
        left -= 1;
        if (left < 0) return true;
    }
  }
  return false;
}

/** Where the string ends that begins at `from`: its closing quote, or the end of the text. */
function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote >= 0) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c && quote - 1 - backslashes >= from) {
      backslashes += 1;
    }
    if (backslashes % 2 === 0) return quote;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}

/** The engine's message names the position in most cases; what else it says is not for others. */
function placeOf(error: unknown): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  return position === undefined ? '' : ` from position ${position} on`;
}
