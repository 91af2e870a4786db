import { errorCatalogue } from '../core/errors.js';
import { gauge, tallied, type MetricFamily } from './metric-family.js';
import { PUSH_ENDINGS, type PushCounts } from './push-counts.js';

const CODES = Object.keys(errorCatalogue);

/** Pushes over HTTP to the sessions of clients. No label holds a client. */
export function pushFamilies(
  counts: PushCounts,
  underWay: () => number,
  maxUnderWay: number,
): readonly MetricFamily[] {
  return [
    gauge('sluice_pushes', 'Pushes under way.', underWay),
    gauge('sluice_pushes_limit', 'Pushes that may be under way.', () => maxUnderWay),
    tallied(
      'sluice_pushes_total',
      'Pushes, by what came of them: OK where there was a session for it, CANCELLED where the caller left, else the catalogue code it was refused with.',
      'code',
      [...PUSH_ENDINGS, ...CODES],
      () => counts.ended,
    ),
    tallied(
      'sluice_push_sessions_total',
      'Sessions that pushes were for: OK where it has taken it, else why not, by catalogue code.',
      'code',
      ['OK', ...CODES],
      () => counts.sessions,
    ),
  ];
}
