import type { BenchRecord } from './record.js';

/** Below, a median is as good as a single figure. */
const ENOUGH_ROUNDS = 5;

/** More disturbed runs than this make medians what the disturbance made of them. */
const DISTURBED_SHARE = 0.1;

/** Why a record is a trial and not a result; nothing: it is a result. */
export function trialReasons(
  record: Pick<BenchRecord, 'rounds' | 'source' | 'rest' | 'cases'>,
): readonly string[] {
  const { rounds, source, rest, cases } = record;
  const reasons: string[] = [];
  if (rounds < ENOUGH_ROUNDS) {
    reasons.push(`${String(rounds)} rounds, where medians want ${String(ENOUGH_ROUNDS)}`);
  }
  const sources = cases.map(({ later }) => (later === undefined ? source : later.source));
  if (sources.some((one) => one?.changed)) {
    reasons.push('of a source with changes that were not committed');
  }
  const other = cases.filter(({ later }) => later?.hasOtherServers);
  if (other.length > 0) {
    reasons.push(`${other.map(({ name }) => name).join(', ')} with other servers than the rest`);
  }
  if (rest !== undefined && rest.disturbed > DISTURBED_SHARE * rest.runs) {
    reasons.push(`${String(rest.disturbed)} of ${String(rest.runs)} runs were disturbed`);
  }
  return reasons;
}
