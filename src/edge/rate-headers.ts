import type { RateFigures } from '../core/rate-figures.js';

/**
 * How the caller stands with the rate limits, as draft-ietf-httpapi-ratelimit-headers
 * writes it: structured fields (RFC 9651), a limit an item, times in whole seconds.
 * Nothing where there are none.
 */
export function rateHeaders(rates: readonly RateFigures[]): Readonly<Record<string, string>> {
  if (rates.length === 0) return {};
  return {
    'ratelimit-policy': rates.map(policyOf).join(', '),
    ratelimit: rates.map(standingOf).join(', '),
  };
}

function policyOf(rate: RateFigures): string {
  const unit = rate.unit === 'bytes' ? ';qu="content-bytes"' : '';
  return `${nameOf(rate)};q=${rate.amount}${unit};w=${seconds(rate.perMs)}`;
}

function standingOf(rate: RateFigures): string {
  return `${nameOf(rate)};r=${rate.remaining};t=${seconds(rate.resetMs)}`;
}

/** Names of the configuration have no character that would have to be escaped. A limit of two units is two items. */
function nameOf({ limit, unit }: RateFigures): string {
  return unit === 'bytes' ? `"${limit}-bytes"` : `"${limit}"`;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
