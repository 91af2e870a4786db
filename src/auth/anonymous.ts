import { randomUUID } from 'node:crypto';
import { SluiceError } from '../core/errors.js';
import { isPrintableId, quoted } from '../core/printable.js';
import type { Caller } from './client-classes.js';

/** What the client ID of whoever has proved nothing begins with, where others have to prove theirs. */
export const ANONYMOUS_PREFIX = 'anonymous:';

/**
 * Whoever they say they are, or a new name. `apart`: kept from those who had to
 * prove who they are, by the prefix, which an ID that has it keeps as it is.
 * Throws INVALID_MESSAGE for an ID that can't be one.
 */
export function anonymousCaller(claimedId: string | undefined, apart: boolean): Caller {
  return {
    clientId: apart ? prefixed(claimedId) : plain(claimedId),
    method: 'anonymous',
    clientClass: undefined,
    permissions: undefined,
    issuedAtMs: undefined,
    expiresAtMs: undefined,
  };
}

function plain(claimedId: string | undefined): string {
  if (claimedId === undefined) return randomUUID();
  if (isPrintableId(claimedId)) return claimedId;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `metadata x-client-id ${quoted(claimedId)} is not 1 to 128 printable characters`,
  );
}

function prefixed(claimedId: string | undefined): string {
  const id = plain(claimedId);
  if (id.startsWith(ANONYMOUS_PREFIX)) return id;
  const whole = ANONYMOUS_PREFIX + id;
  if (isPrintableId(whole)) return whole;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `metadata x-client-id ${quoted(id)} is longer than ${128 - ANONYMOUS_PREFIX.length} characters, which leave room for "${ANONYMOUS_PREFIX}"`,
  );
}
