import { runKey, type BenchCase } from './case.js';
import { CASES } from './cases.js';
import { judgeAll, restOf, type BenchRecord, type CaseRecord, type Later } from './record.js';

/** Those that are to be measured into `record`: all that were named, otherwise those it lacks a round of. */
export function missingCases(record: BenchRecord, cases: readonly BenchCase[]): readonly BenchCase[] {
  return cases.filter(({ name, runs }) => {
    const known = record.cases.find((one) => one.name === name);
    const isLeftOut = (key: string): boolean =>
      record.omissions.some((omission) => omission.case === name && omission.run === key);
    return !runs.every((run) => isLeftOut(runKey(run)) || hasAllRounds(known, runKey(run), record.rounds));
  });
}

function hasAllRounds(one: CaseRecord | undefined, key: string, rounds: number): boolean {
  return one?.rounds?.length === rounds && one.rounds.every((round) => round[key] !== undefined);
}

/** What has to be the same for all cases of a record. */
type Manner = Pick<BenchRecord, 'machine' | 'rounds' | 'generator' | 'runtimes'>;

/** Why the cases of `later` can't go into `earlier`; undefined: they can. */
export function whyNotInto(
  earlier: Manner & Pick<BenchRecord, 'cases' | 'quick' | 'command'>,
  later: Manner,
): string | undefined {
  if (earlier.cases.some(({ rounds }) => rounds === undefined))
    return 'it has no single rounds: it was published';
  if (earlier.quick) return 'it is of a quick run';
  if (!/^npm run bench(?: -- (?:--(?:cases|group) \S+ ?)+)?$/.test(earlier.command)) {
    return `it was measured in another way: ${earlier.command}`;
  }
  const { loadBefore: _, ...before } = earlier.machine;
  const { loadBefore: __, ...now } = later.machine;
  if (JSON.stringify(before) !== JSON.stringify(now)) return 'it is of another machine, or other versions';
  if (earlier.rounds !== later.rounds) return `it has ${String(earlier.rounds)} rounds`;
  if (earlier.generator !== later.generator) return 'another load generator was used';
  const differs = Object.entries(later.runtimes).find(([name, runtime]) => {
    const known = (earlier.runtimes as Readonly<Record<string, string>>)[name];
    return known !== undefined && known !== runtime;
  });
  return differs && `${differs[0]} was ${String((earlier.runtimes as Record<string, string>)[differs[0]])}`;
}

/**
 * `earlier` with the cases of `later` in their place, each with when it was measured, and of what. Ratios are of one
 * case and one round, so that none has a part in both.
 */
export function merge(earlier: BenchRecord, later: BenchRecord, areSameServers: boolean): BenchRecord {
  const { stamp, source } = later;
  const mark: Later = {
    stamp,
    ...(source === undefined ? {} : { source }),
    ...(areSameServers ? {} : { hasOtherServers: true }),
  };
  const fresh = later.cases
    // What failed altogether is no reason to lose what there was.
    .filter(({ name, runs }) => runs.length > 0 || !earlier.cases.some((one) => one.name === name))
    .map((one): CaseRecord => ({ ...one, later: mark }));
  const isFresh = (name: string): boolean => fresh.some((one) => one.name === name);
  const order = new Map(CASES.map(({ name }, index) => [name, index]));
  const cases = [...earlier.cases.filter(({ name }) => !isFresh(name)), ...fresh].sort(
    (a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0),
  );
  const rest = restOf(cases);
  return {
    ...earlier,
    minutes: earlier.minutes + later.minutes,
    runtimes: { ...earlier.runtimes, ...later.runtimes },
    ...(rest === undefined ? {} : { rest }),
    cases,
    bars: judgeAll(cases),
    failures: [...earlier.failures.filter((failure) => !isFresh(failure.case)), ...later.failures],
    omissions: [...earlier.omissions.filter((omission) => !isFresh(omission.case)), ...later.omissions],
  };
}
