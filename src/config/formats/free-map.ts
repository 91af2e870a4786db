import { HIDDEN, type Plain, type Raw } from '../raw.js';
import { accept, type Format, refuse, type Refused } from './format.js';
import { mapValues } from './options.js';

const ALLOWED = 'a map of your own: names, and for each a text, a number, true or false, a list or a map';

/** Whatever its reader wants to know: as YAML takes it, with text, numbers, true and false told apart. */
export function freeMap(): Format<Readonly<Record<string, Plain>>> {
  return {
    allowed: ALLOWED,
    summary: 'a map of your own',
    // Names say what there is; values may be secrets.
    print: (value, hideSecrets = false) => (hideSecrets ? mapValues(value, () => HIDDEN) : value),
    read(raw) {
      if (raw.kind !== 'map') return unseen(refuse(raw, ALLOWED));
      const nothing = emptyIn(raw);
      if (nothing !== undefined) return refuse(nothing, ALLOWED, 'leave out what has no value');
      return accept(Object.fromEntries(raw.entries.map(({ name, value }) => [name, plainOf(value)])));
    },
  };
}

function plainOf(raw: Raw): Plain {
  switch (raw.kind) {
    case 'text':
      return raw.literal ?? raw.text;
    case 'none':
      return '';
    case 'list':
      return raw.items.map(plainOf);
    case 'map':
      return Object.fromEntries(raw.entries.map(({ name, value }) => [name, plainOf(value)]));
  }
}

/** The first part without a value. */
function emptyIn(raw: Raw): Raw | undefined {
  if (raw.kind === 'none') return raw;
  const parts =
    raw.kind === 'list' ? raw.items : raw.kind === 'map' ? raw.entries.map(({ value }) => value) : [];
  for (const part of parts) {
    const found = emptyIn(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same, without the value: it may be a secret. */
function unseen({ problems }: Refused): Refused {
  return { problems: problems.map((problem) => ({ ...problem, shown: undefined })) };
}
