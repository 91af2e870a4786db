import type { Revocations as AdminRevocations } from './admin/admin-sources.js';
import { TooManyRevocations, type Revocations } from './auth/revocations.js';

/** What has been ended over revocations so far. */
export interface ThrownOut {
  readonly connections: number;
  readonly sessions: number;
  /** Of proxies, and pushes. */
  readonly calls: number;
}

/** Revocations as the admin address shows and makes them. */
export function revocationSources(revocations: Revocations, thrownOut: () => ThrownOut): AdminRevocations {
  return {
    *list() {
      for (const { subject, source, issuedBeforeMs, untilMs } of revocations.list()) {
        yield {
          subject,
          source,
          issuedBefore: timeText(issuedBeforeMs),
          until: untilMs === undefined ? null : timeText(untilMs),
        };
      }
    },
    revoke(subject) {
      const before = thrownOut();
      try {
        const { untilMs } = revocations.revoke(subject);
        const after = thrownOut();
        return {
          connectionsEnded: after.connections - before.connections,
          sessionsEnded: after.sessions - before.sessions,
          callsEnded: after.calls - before.calls,
          until: timeText(untilMs ?? Infinity),
        };
      } catch (error) {
        if (error instanceof TooManyRevocations) return { refused: error.message };
        throw error;
      }
    },
    pardon: (subject) => revocations.pardon(subject),
  };
}

/** The last and the first moment that a Date can be (ECMA-262 section 21.4.1.1): a file may say "for ever". */
const MAX_TIME_MS = 8.64e15;

function timeText(timeMs: number): string {
  return new Date(Math.min(MAX_TIME_MS, Math.max(-MAX_TIME_MS, timeMs))).toISOString();
}
