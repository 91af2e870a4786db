import type { MetricFamily } from './metric-family.js';
import type { MetricsSources } from './metrics-sources.js';
import type { RateLimitFigures } from './rate-limit-figures.js';

/** A series a rate limit. */
export function rateLimitFamilies(sources: MetricsSources): readonly MetricFamily[] {
  const read = (): readonly RateLimitFigures[] => sources.rateLimits?.() ?? [];
  const family = (
    type: MetricFamily['type'],
    name: string,
    help: string,
    value: (figures: RateLimitFigures) => number,
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: () => read().map((figures) => ({ labels: { limit: figures.limit }, value: value(figures) })),
  });
  return [
    {
      name: 'sluice_rate_limit_total',
      type: 'counter',
      help: 'Messages, calls, pushes and opens that a rate limit was asked about, by what it said.',
      samples: () =>
        read().flatMap(({ limit, allowed, delayed, refused }) => [
          { labels: { limit, result: 'allowed' }, value: allowed },
          { labels: { limit, result: 'delayed' }, value: delayed },
          { labels: { limit, result: 'refused' }, value: refused },
        ]),
    },
    family(
      'counter',
      'sluice_rate_limit_delay_seconds_total',
      'Seconds that messages, calls and pushes were told to wait, each counted.',
      ({ delayedMs }) => delayedMs / 1_000,
    ),
    family(
      'gauge',
      'sluice_rate_limit_waiting',
      'Messages, calls and pushes held now.',
      ({ waiting }) => waiting,
    ),
    family(
      'gauge',
      'sluice_rate_limit_keys',
      'Clients, addresses and so on with a rate of their own now.',
      ({ keys }) => keys,
    ),
    family(
      'gauge',
      'sluice_rate_limit_keys_limit',
      'The most there may be (maxKeys).',
      (each) => each.maxKeys,
    ),
    family(
      'counter',
      'sluice_rate_limit_shared_total',
      'Look-ups of a rate that had to be shared with others, for there were maxKeys: a message makes two to four.',
      ({ shared }) => shared,
    ),
  ];
}
