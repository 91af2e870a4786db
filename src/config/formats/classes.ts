import type { Raw } from '../raw.js';
import type { Values } from '../setting.js';
import { accept, type Format, type Problem, type Reading, refuse } from './format.js';
import { below, mapValues, type Options, printOptions, readOptions } from './options.js';

/** Classes are named in tokens, logs and metrics: as short and plain as a route's name. */
const CLASS_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const CLASS_NAME_ALLOWED =
  'a class name: a letter, then at most 63 letters, digits, dots, hyphens and underscores';
/** One label value each in metrics. */
const MAX_CLASSES = 100;
const ALLOWED = `1 to ${String(MAX_CLASSES)} classes, each a name with its options: {default: {permissions: ["*"]}}`;

/** A map from the names of classes of clients to what each may do. */
export function classMap<const O extends Options>(options: O): Format<Readonly<Record<string, Values<O>>>> {
  return {
    allowed: ALLOWED,
    summary: `1 to ${String(MAX_CLASSES)} classes`,
    print: (classes, hideSecrets = false) =>
      mapValues(classes, (values) => printOptions(options, values, hideSecrets)),
    read(raw) {
      if (raw.kind !== 'map' || raw.entries.length === 0 || raw.entries.length > MAX_CLASSES) {
        return refuse(raw, ALLOWED);
      }
      const problems: Problem[] = [];
      const classes = new Map<string, Values<O>>();
      for (const { name, value } of raw.entries) {
        const reading = CLASS_NAME.test(name)
          ? readClass(options, value)
          : refuse({ kind: 'text', text: name, line: value.line }, CLASS_NAME_ALLOWED);
        if ('value' in reading) classes.set(name, reading.value);
        else problems.push(...reading.problems.map((problem) => below(name, problem)));
      }
      return problems.length === 0 ? accept(Object.fromEntries(classes)) : { problems };
    },
  };
}

function readClass<O extends Options>(options: O, raw: Raw): Reading<Values<O>> {
  if (raw.kind !== 'map') return refuse(raw, 'a map of options: {permissions: ["*"]}');
  const { values, problems } = readOptions('a class', options, raw.entries);
  // The values were read with these very options, which is what Values says.
  return problems.length === 0 ? accept(values as Values<O>) : { problems };
}
