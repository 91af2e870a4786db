import type { Raw } from '../raw.js';
import type { Values } from '../setting.js';
import { accept, type Format, type Reading, refuse } from './format.js';
import { namedMap } from './named-map.js';
import { type Options, printOptions, readOptions } from './options.js';

/** Upstreams are named in logs and metrics: as short and plain as a route's name. */
const UPSTREAM_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const UPSTREAM_NAME_ALLOWED =
  'an upstream name: a letter, then at most 63 letters, digits, dots, hyphens and underscores';
const MAX_UPSTREAMS = 100;
const ALLOWED = `at most ${String(MAX_UPSTREAMS)} upstreams, each a name with its options: {orders: {addresses: ["10.0.0.5:50061"]}}`;

/** A map from the names of upstreams to what each is. */
export function upstreamMap<const O extends Options>(
  options: O,
): Format<Readonly<Record<string, Values<O>>>> {
  return namedMap({
    name: UPSTREAM_NAME,
    nameAllowed: UPSTREAM_NAME_ALLOWED,
    least: 0,
    most: MAX_UPSTREAMS,
    allowed: ALLOWED,
    summary: `at most ${String(MAX_UPSTREAMS)} upstreams`,
    print: (values, hideSecrets) => printOptions(options, values, hideSecrets),
    read: (raw) => readUpstream(options, raw),
  });
}

function readUpstream<O extends Options>(options: O, raw: Raw): Reading<Values<O>> {
  if (raw.kind !== 'map') return refuse(raw, 'a map of options: {addresses: ["10.0.0.5:50061"]}');
  const { values, problems } = readOptions('an upstream', options, raw.entries);
  // The values were read with these very options, which is what Values says.
  return problems.length === 0 ? accept(values as Values<O>) : { problems };
}
