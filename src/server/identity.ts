import { randomUUID } from 'node:crypto';
import { SluiceError } from '../core/errors.js';

/** 1 to 128 printable characters: no control, format, unassigned or lone surrogate code points. */
const PRINTABLE = /^[^\p{C}]{1,128}$/u;

/** The wire contract's rule for client and session IDs. */
export function isPrintableId(id: string): boolean {
  return PRINTABLE.test(id);
}

/** Who the caller says it is, or a new name for it. Throws INVALID_MESSAGE for an ID that can't be one. */
export function clientIdOf(metadata: ReadonlyMap<string, string>): string {
  const claimed = metadata.get('x-client-id');
  if (claimed === undefined) return randomUUID();
  if (isPrintableId(claimed)) return claimed;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `metadata x-client-id ${JSON.stringify(claimed.slice(0, 160))} is not 1 to 128 printable characters`,
  );
}
