import type { ErrorCode } from './errors.js';

/** Endings beside the catalogue: `OK` for a half-close, the rest for the client's side. */
export const PLAIN_ENDINGS = ['OK', 'CANCELLED', 'LOST', 'DEADLINE_EXCEEDED'] as const;

/** How a connection ended: a code of the catalogue, or how the client's side went. */
export type ConnectionEnd = ErrorCode | (typeof PLAIN_ENDINGS)[number];
