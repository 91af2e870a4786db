import type { Raw } from '../raw.js';
import type { Values } from '../setting.js';
import { accept, type Format, type Reading, refuse } from './format.js';
import { namedMap } from './named-map.js';
import { type Options, printOptions, readOptions } from './options.js';

/** Proxies are named in permissions, logs and metrics: as short and plain as a route's name. */
const PROXY_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const PROXY_NAME_ALLOWED =
  'a proxy name: a letter, then at most 63 letters, digits, dots, hyphens and underscores';
const MAX_PROXIES = 100;
const EXAMPLE = '{addresses: ["10.0.0.5:50061"], reflection: true}';
const ALLOWED = `at most ${String(MAX_PROXIES)} proxies, each a name with its options: {stock: ${EXAMPLE}}`;

/** A map from the names of proxies to what each is. */
export function proxyMap<const O extends Options>(options: O): Format<Readonly<Record<string, Values<O>>>> {
  return namedMap({
    name: PROXY_NAME,
    nameAllowed: PROXY_NAME_ALLOWED,
    least: 0,
    most: MAX_PROXIES,
    allowed: ALLOWED,
    summary: `at most ${String(MAX_PROXIES)} proxies`,
    print: (values, hideSecrets) => printOptions(options, values, hideSecrets),
    read: (raw, folder) => readProxy(options, raw, folder),
  });
}

function readProxy<O extends Options>(options: O, raw: Raw, folder: string | undefined): Reading<Values<O>> {
  if (raw.kind !== 'map') return refuse(raw, `a map of options: ${EXAMPLE}`);
  const { values, problems } = readOptions('a proxy', options, raw.entries, folder);
  // The values were read with these very options, which is what Values says.
  return problems.length === 0 ? accept(values as Values<O>) : { problems };
}
