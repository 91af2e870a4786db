import { randomUUID } from 'node:crypto';
import { SluiceError } from '../core/errors.js';

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

/** The most UTF-16 units of a valid ID. */
const MAX_ID_UNITS = 256;

/** An ID as an answer bears it: a wrong one too, but none without bounds, for answers wait in a queue. */
export function saidBack(id: string): string {
  return id.length <= MAX_ID_UNITS ? id : '';
}

/** Why `id` can't name a session. */
export function invalidSessionId(id: string): SluiceError {
  return new SluiceError('INVALID_MESSAGE', `session_id ${quoted(id)} is not 1 to 128 printable characters`);
}

/** Who the caller says it is, or a new name for it. Throws INVALID_MESSAGE for an ID that can't be one. */
export function clientIdOf(metadata: ReadonlyMap<string, string>): string {
  const claimed = metadata.get('x-client-id');
  if (claimed === undefined) return randomUUID();
  if (isPrintableId(claimed)) return claimed;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `metadata x-client-id ${quoted(claimed)} is not 1 to 128 printable characters`,
  );
}
