/** The part of a long list that one answer shows. */
export interface Page<T> {
  readonly items: readonly T[];
  /** How many there are in all, on every page. */
  readonly total: number;
  /** Key to go on after; undefined on the last page. */
  readonly after: string | undefined;
}

interface Keyed<T> {
  readonly key: string;
  readonly item: T;
}

/**
 * The `limit` items with the smallest keys above `after`. One pass that holds
 * one page: a hundred thousand sessions are neither sorted nor copied. Keys
 * order the pages, so that what comes and goes between two requests neither
 * repeats nor hides the others. Items of one key share a page, which is longer
 * then: the next begins after that key.
 */
export function pageOf<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  limit: number,
  after: string,
): Page<T> {
  const page: Keyed<T>[] = [];
  let total = 0;
  let more = false;
  for (const item of items) {
    total += 1;
    const key = keyOf(item);
    if (key <= after) continue;
    if (key > (page[limit - 1]?.key ?? key)) {
      more = true;
      continue;
    }
    page.splice(placeOf(page, key), 0, { key, item });
    const lastKey = page[limit - 1]?.key;
    while (lastKey !== undefined && (page.at(-1)?.key ?? '') > lastKey) {
      page.pop();
      more = true;
    }
  }
  return {
    items: page.map((keyed) => keyed.item),
    total,
    after: more ? page.at(-1)?.key : undefined,
  };
}

/** The `limit` items that weigh most, the heaviest first, and how many there are in all. Holds at most twice `limit`. */
export function heaviestOf<T>(
  items: Iterable<T>,
  weightOf: (item: T) => number,
  limit: number,
): { readonly items: readonly T[]; readonly total: number } {
  const heavy: { readonly weight: number; readonly item: T }[] = [];
  const keepHeaviest = (): void => {
    heavy.sort((a, b) => b.weight - a.weight);
    if (heavy.length > limit) heavy.length = limit;
  };
  let total = 0;
  for (const item of items) {
    total += 1;
    heavy.push({ weight: weightOf(item), item });
    if (heavy.length >= 2 * limit) keepHeaviest();
  }
  keepHeaviest();
  return { items: heavy.map(({ item }) => item), total };
}

/** Where `key` belongs in a page sorted by key: behind its equals. */
function placeOf(page: readonly Keyed<unknown>[], key: string): number {
  let low = 0;
  let high = page.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((page[middle]?.key ?? '') <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
