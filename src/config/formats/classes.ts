import type { Raw } from '../raw.js';
import type { Values } from '../setting.js';
import { accept, type Format, type Reading, refuse } from './format.js';
import { namedMap } from './named-map.js';
import { type Options, printOptions, readOptions } from './options.js';

/** Classes are named in tokens, logs and metrics: as short and plain as a route's name. */
const CLASS_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const CLASS_NAME_ALLOWED =
  'a class name: a letter, then at most 63 letters, digits, dots, hyphens and underscores';
/** One label value each in metrics. */
const MAX_CLASSES = 100;
const ALLOWED = `1 to ${String(MAX_CLASSES)} classes, each a name with its options: {default: {permissions: ["*"]}}`;

/** A map from the names of classes of clients to what each may do. */
export function classMap<const O extends Options>(options: O): Format<Readonly<Record<string, Values<O>>>> {
  return namedMap({
    name: CLASS_NAME,
    nameAllowed: CLASS_NAME_ALLOWED,
    least: 1,
    most: MAX_CLASSES,
    allowed: ALLOWED,
    summary: `1 to ${String(MAX_CLASSES)} classes`,
    print: (values, hideSecrets) => printOptions(options, values, hideSecrets),
    read: (raw) => readClass(options, raw),
  });
}

function readClass<O extends Options>(options: O, raw: Raw): Reading<Values<O>> {
  if (raw.kind !== 'map') return refuse(raw, 'a map of options: {permissions: ["*"]}');
  const { values, problems } = readOptions('a class', options, raw.entries);
  // The values were read with these very options, which is what Values says.
  return problems.length === 0 ? accept(values as Values<O>) : { problems };
}
