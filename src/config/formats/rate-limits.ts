import type { Raw } from '../raw.js';
import type { Values } from '../setting.js';
import { accept, type Format, type Reading, refuse } from './format.js';
import { namedMap } from './named-map.js';
import { type Options, printOptions, readOptions } from './options.js';

/** Rate limits are named in errors, headers, logs and metrics: as short and plain as a route's name. */
const LIMIT_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const LIMIT_NAME_ALLOWED =
  'the name of a rate limit: a letter, then at most 63 letters, digits, dots, hyphens and underscores';
const MAX_LIMITS = 100;
const EXAMPLE = '{messages: 100, per: 1s}';
const ALLOWED = `at most ${String(MAX_LIMITS)} rate limits, each a name with its options: {perClient: ${EXAMPLE}}`;

/** A map from the names of rate limits to what each is. */
export function rateLimitMap<const O extends Options>(
  options: O,
): Format<Readonly<Record<string, Values<O>>>> {
  return namedMap({
    name: LIMIT_NAME,
    nameAllowed: LIMIT_NAME_ALLOWED,
    least: 0,
    most: MAX_LIMITS,
    allowed: ALLOWED,
    summary: `at most ${String(MAX_LIMITS)} rate limits`,
    print: (values, hideSecrets) => printOptions(options, values, hideSecrets),
    read: (raw) => readLimit(options, raw),
  });
}

function readLimit<O extends Options>(options: O, raw: Raw): Reading<Values<O>> {
  if (raw.kind !== 'map') return refuse(raw, `a map of options: ${EXAMPLE}`);
  const { values, problems } = readOptions('a rate limit', options, raw.entries);
  // The values were read with these very options, which is what Values says.
  return problems.length === 0 ? accept(values as Values<O>) : { problems };
}
