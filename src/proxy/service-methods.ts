import { editDistance } from '../core/edit-distance.js';
import type { FileFacts } from '../wire/file-descriptor.js';

/** Services and the methods of each, without the service's name. */
export type ServiceMethods = ReadonlyMap<string, readonly string[]>;

/** The services that files declare. */
export function servicesIn(files: Iterable<FileFacts>): ServiceMethods {
  const services = new Map<string, readonly string[]>();
  for (const file of files) for (const { name, methods } of file.services) services.set(name, methods);
  return services;
}

/** So many names are told of. */
const MAX_NAMES = 10;
/**
 * So many are compared with what was asked for, those of most nearly its length, and so much of each: whoever calls what
 * is not there need not show who they are, and each comparison takes tens of microseconds.
 */
const MAX_COMPARED = 32;
const MAX_COMPARED_LENGTH = 64;

/** Names for a message: those first that were perhaps meant. */
export function nearestFirst(asked: string, names: Iterable<string>): string {
  const all = [...names];
  const lengthsApart = (name: string): number => Math.abs(name.length - asked.length);
  const compared = all.toSorted((a, b) => lengthsApart(a) - lengthsApart(b)).slice(0, MAX_COMPARED);
  const meant = asked.slice(0, MAX_COMPARED_LENGTH).toLowerCase();
  const distances = new Map(
    compared.map((name) => [name, editDistance(meant, name.slice(0, MAX_COMPARED_LENGTH).toLowerCase())]),
  );
  const near = [...distances]
    .sort(([a, far], [b, farther]) => far - farther || (a < b ? -1 : 1))
    .slice(0, MAX_NAMES)
    .map(([name]) => name);
  const more = all.length > near.length ? `, and ${all.length - near.length} more` : '';
  return `${near.join(', ')}${more}`;
}
