import { SluiceError } from '../core/errors.js';
import { quoted } from '../core/printable.js';

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
