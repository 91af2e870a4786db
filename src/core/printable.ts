/** 1 to 128 printable characters: no control, format, unassigned or lone surrogate code points. */
const PRINTABLE = /^[^\p{C}]{1,128}$/u;

/** The wire contract's rule for client and session IDs. */
export function isPrintableId(id: string): boolean {
  return PRINTABLE.test(id);
}

/** At most so much of a wrong value is said back: enough to recognize it by. */
const MAX_QUOTED = 160;

/** A client's text for a message to a person: bounded, and harmless in a terminal and a log. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, MAX_QUOTED)).replace(
    /\p{C}/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
