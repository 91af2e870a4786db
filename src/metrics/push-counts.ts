import type { ErrorCode } from '../core/errors.js';

/** What came of a push: the code it was refused with, or one of these. Values of the label `code`. */
export const PUSH_ENDINGS = ['OK', 'CANCELLED'] as const;

/** What is counted of pushes. All of it only rises. */
export class PushCounts {
  /** Pushes; `OK` where there was a session for it, `CANCELLED` where the caller left before it was sent. */
  readonly ended = new Map<(typeof PUSH_ENDINGS)[number] | ErrorCode, number>();
  /** Sessions that they were for: `OK` where it has taken it, else why not. */
  readonly sessions = new Map<'OK' | ErrorCode, number>();
}
