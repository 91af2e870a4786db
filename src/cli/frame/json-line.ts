/**
 * What JSON leaves as it is and a terminal, or a program that splits lines,
 * takes for more than text: C1 controls, DEL, format characters (bidi), line separators.
 */
const MORE_THAN_TEXT = /[\p{C}\u2028\u2029]/gu;

/** `value` as one line of JSON that can be shown anywhere, with its line break. */
export function jsonLine(value: object): string {
  return `${JSON.stringify(value).replace(MORE_THAN_TEXT, escaped)}\n`;
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}
