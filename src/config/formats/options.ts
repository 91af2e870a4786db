import { nearest } from '../nearest.js';
import { HIDDEN, type Plain, type RawEntry } from '../raw.js';
import type { Setting } from '../setting.js';
import type { Problem } from './format.js';

/** What an entry of a map (a route, a class of clients) may hold. */
export type Options = Readonly<Record<string, Setting<unknown>>>;

/** Reads the options written, over their defaults; `owner` is who has no others: "a route of kind echo". */
export function readOptions(
  owner: string,
  options: Options,
  entries: readonly RawEntry[],
  folder?: string,
): { readonly values: Record<string, unknown>; readonly problems: readonly Problem[] } {
  const values = mapValues(options, (option) => option.defaultValue);
  const problems: Problem[] = [];
  for (const { name, value } of entries) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) {
      const meant = nearest(name, Object.keys(options));
      const reason = `${owner} has no such option`;
      problems.push({
        part: name,
        shown: undefined,
        line: value.line,
        reason: meant === undefined ? reason : `${reason}; did you mean ${meant}?`,
      });
      continue;
    }
    const reading = option.format.read(value, folder);
    if ('value' in reading) values[name] = reading.value;
    else problems.push(...reading.problems.map((problem) => below(name, hide(problem, option.sensitive))));
  }
  return { values, problems };
}

export function printOptions(
  options: Options,
  values: Readonly<Record<string, unknown>>,
  hideSecrets: boolean,
): Record<string, Plain> {
  return mapValues(options, (option, name) =>
    hideSecrets && option.sensitive ? HIDDEN : option.format.print(values[name], hideSecrets),
  );
}

/** The same problem, seen from whoever holds the part called `name`. */
export function below(name: string, problem: Problem): Problem {
  return { ...problem, part: problem.part === '' ? name : `${name}.${problem.part}` };
}

export function mapValues<V, W>(
  record: Readonly<Record<string, V>>,
  map: (value: V, name: string) => W,
): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

function hide(problem: Problem, sensitive: boolean): Problem {
  return sensitive ? { ...problem, shown: undefined } : problem;
}
