import { pageOf } from './listing.js';
import { json, type AdminResponse } from './responses.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** One page: `{ <name>: [...], total, next }`, where `next` is the path of the page that follows, or null. */
export function page<T>(
  name: string,
  query: URLSearchParams,
  all: Iterable<T>,
  keyOf: (item: T) => string,
  show: (item: T) => object,
): AdminResponse {
  const limit = limitOf(query);
  const { items, total, after } = pageOf(all, keyOf, limit, query.get('after') ?? '');
  let next: string | null = null;
  if (after !== undefined) {
    const parameters = new URLSearchParams(query);
    parameters.set('limit', String(limit));
    parameters.set('after', after);
    next = `/${name}?${parameters.toString()}`;
  }
  return json({ [name]: items.map(show), total, next });
}

/** Of a query that `checkQuery` found nothing wrong with. */
export function limitOf(query: URLSearchParams): number {
  return Number(query.get('limit') ?? DEFAULT_LIMIT);
}

/** What is wrong with a list's query; undefined when nothing is. */
export function checkQuery(query: URLSearchParams, known: readonly string[]): string | undefined {
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const names = `${known.slice(0, -1).join(', ')} and ${known.at(-1) ?? ''}`;
      return `Unknown parameter ${JSON.stringify(name)}: ${names} are known.`;
    }
    if (query.getAll(name).length > 1) return `${name} is given more than once.`;
  }
  const limit = query.get('limit');
  if (limit !== null && !(/^\d{1,4}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= MAX_LIMIT)) {
    return `limit is ${JSON.stringify(limit)}: an integer from 1 to ${MAX_LIMIT} is allowed.`;
  }
  return undefined;
}
