import { SluiceError } from './errors.js';

/** RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1). */
const BEARER = /^bearer +(\S*)$/i;

/**
 * The token of an `authorization` header; undefined without one. Throws
 * UNAUTHENTICATED for another scheme, in words that repeat none of it.
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const token = BEARER.exec(authorization.trim())?.[1];
  if (token !== undefined && token !== '') return token;
  throw new SluiceError('UNAUTHENTICATED', 'metadata authorization is not "Bearer" and a token');
}
