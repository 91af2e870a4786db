import type { Raw } from '../raw.js';
import { accept, type Format, refuse } from './format.js';

export interface ListOptions<T> {
  readonly allowed: string;
  readonly summary: string;
  readonly minItems: number;
  readonly maxItems: number;
  /** What an item is called: `address`. */
  readonly item: string;
  /** Whether this item may be there more than once. Default: none may. */
  readonly mayRepeat?: (value: T) => boolean;
}

/** Several of what `one` reads: a list, or one text with commas. */
export function list<T extends string>(one: Format<T>, options: ListOptions<T>): Format<readonly T[]> {
  const { allowed, summary, minItems, maxItems, item, mayRepeat = () => false } = options;
  return {
    allowed,
    summary,
    print: (value) => value,
    read(raw, folder) {
      const items = itemsOf(raw);
      if (items === undefined || items.length < minItems || items.length > maxItems)
        return refuse(raw, allowed);
      const readings = items.map((each) => one.read(each, folder));
      const problems = readings.flatMap((reading) => ('problems' in reading ? reading.problems : []));
      if (problems.length > 0) return { problems };
      const values = readings.flatMap((reading) => ('value' in reading ? [reading.value] : []));
      const twice = values.find((value, index) => values.indexOf(value) < index && !mayRepeat(value));
      return twice === undefined
        ? accept(values)
        : refuse(raw, `every ${item} once`, `${twice} is there twice`);
    },
  };
}

function itemsOf(raw: Raw): readonly Raw[] | undefined {
  if (raw.kind === 'list') return raw.items;
  if (raw.kind !== 'text') return undefined;
  return raw.text.split(',').map((part) => ({ kind: 'text', text: part.trim(), line: raw.line }));
}
