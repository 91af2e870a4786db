import type { SluiceError } from '../core/errors.js';

/** How long the peer may take to read why it was ended, where what it holds is wanted back. */
const OVERLOADED_END_MS = 1_000;

/**
 * How long the status of an ended stream may wait behind what its peer was sent
 * before: one that takes nothing would keep both for ever, and is reset.
 */
export function endGraceMs(error: SluiceError | undefined, sendTimeoutMs: number): number {
  return error?.code === 'OVERLOADED' ? Math.min(OVERLOADED_END_MS, sendTimeoutMs) : sendTimeoutMs;
}
