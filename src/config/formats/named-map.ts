import type { Plain, Raw } from '../raw.js';
import { accept, type Format, type Problem, type Reading, refuse } from './format.js';
import { below, mapValues } from './options.js';

export interface NamedMapSpec<T> {
  /** What an entry may be called, and that in words. */
  readonly name: RegExp;
  readonly nameAllowed: string;
  readonly least: 0 | 1;
  readonly most: number;
  /** The whole, in words: with an example, and without. */
  readonly allowed: string;
  readonly summary: string;
  readonly print: (entry: T, hideSecrets: boolean) => Plain;
  /** `folder`: of the file that it stands in. */
  readonly read: (raw: Raw, folder: string | undefined) => Reading<T>;
}

/** A map of the user's own names, each with its entry: routes, classes of clients, upstreams. */
export function namedMap<T>(spec: NamedMapSpec<T>): Format<Readonly<Record<string, T>>> {
  const { allowed, summary } = spec;
  return {
    allowed,
    summary,
    print: (entries, hideSecrets = false) => mapValues(entries, (entry) => spec.print(entry, hideSecrets)),
    read(raw, folder) {
      if (raw.kind !== 'map' || raw.entries.length < spec.least || raw.entries.length > spec.most) {
        return refuse(raw, allowed);
      }
      const problems: Problem[] = [];
      const entries = new Map<string, T>();
      for (const { name, value } of raw.entries) {
        const reading: Reading<T> = spec.name.test(name)
          ? spec.read(value, folder)
          : refuse({ kind: 'text', text: name, line: value.line }, spec.nameAllowed);
        if ('value' in reading) entries.set(name, reading.value);
        else problems.push(...reading.problems.map((problem) => below(name, problem)));
      }
      return problems.length === 0 ? accept(Object.fromEntries(entries)) : { problems };
    },
  };
}
