import { parseArgs } from 'node:util';

import { GROUPS, lasting, QUICK_SECONDS, quickened, type BenchCase, type Group } from './case.js';
import { SECONDS, WARMUP_SECONDS } from './case-builders.js';
import { CASES } from './cases.js';
import { SUBJECT_NAMES, type Subject } from './subjects.js';

/** What a call of the benchmark is to do. */
export type Order =
  | { readonly kind: 'help' | 'list' }
  | { readonly kind: 'publish'; readonly file: string }
  | { readonly kind: 'run'; readonly plan: Plan };

export interface Plan {
  readonly cases: readonly BenchCase[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Exit 1 when a target is missed, too. */
  readonly check: boolean;
  /** Where the record goes; undefined: a new file in bench/results. */
  readonly out: string | undefined;
  /** A record that the cases go into, each in its place. */
  readonly into: string | undefined;
  /** Cases or groups were named; into a record otherwise go those that it lacks of what it was begun for. */
  readonly named: boolean;
  /** How to do it again, without what is of this machine. */
  readonly command: string;
}

export const USAGE = `npm run bench -- [OPTION ...]

  --quick             a minute of everything, to see that nothing crashes; its figures mean nothing
  --cases a,b         these cases only (--list names them)
  --group a,b         these groups of cases only
  --servers a,b       these subjects only: ${SUBJECT_NAMES.join(', ')}
  --rounds n          how often each case is measured (5)
  --seconds s         length of the usual measurement (${String(SECONDS)}); the others in proportion, but those that
                      take longer (latency, stalled, scale, idle) are never shortened
  --warmup s          what comes before each (${String(WARMUP_SECONDS)}), twice as long for a server's first of a case
  --out FILE          where the record goes (bench/results/run-TIME.json)
  --into FILE         into this record, each case in its place, and no others than those it lacks unless they are
                      named: goes on after an interruption, or measures single cases anew; the record says so
  --check             exit 1 when a target is missed, too
  --publish FILE      measure nothing: make docs/performance.md and its charts from a record
  --list              name the cases and their groups`;

const ROUNDS = 5;
const COMMAND = 'npm run bench';
/** What stands before its options: these words, and `--`. */
const COMMAND_WORDS = 4;

/** What a record that others go into must have been measured without, for they are, too. */
const ALONE = ['quick', 'servers', 'rounds', 'seconds', 'warmup', 'out'] as const;

/** @throws Error in one line, when an option is wrong. */
export function readOrder(args: readonly string[]): Order {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      list: { type: 'boolean', default: false },
      publish: { type: 'string' },
      quick: { type: 'boolean', default: false },
      cases: { type: 'string' },
      group: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      out: { type: 'string' },
      into: { type: 'string' },
      check: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  if (values.publish !== undefined) return { kind: 'publish', file: values.publish };

  if (values.into !== undefined) {
    const other = ALONE.find((flag) => values[flag] !== undefined && values[flag] !== false);
    if (other !== undefined)
      throw new Error(`--into: what goes into a record is measured as it was, without --${other}`);
  }
  const named =
    pick(
      '--cases',
      values.cases,
      CASES.map(({ name }) => name),
    ) ?? [];
  const groups: readonly Group[] = pick('--group', values.group, GROUPS) ?? [];
  const subjects = pick('--servers', values.servers, SUBJECT_NAMES) ?? SUBJECT_NAMES;
  const all = named.length === 0 && groups.length === 0;
  const chosen = CASES.filter(({ name, group }) => all || named.includes(name) || groups.includes(group));
  const seconds = amount('--seconds', values.seconds);
  const usual = values.quick ? QUICK_SECONDS : SECONDS;
  const warmupSeconds = amount('--warmup', values.warmup);
  const cases = (values.quick ? chosen.flatMap((benchCase) => quickened(benchCase) ?? []) : chosen)
    .map((benchCase) => ({
      ...only(subjects, seconds === undefined ? benchCase : lasting(benchCase, usual, seconds)),
      ...(warmupSeconds === undefined ? {} : { warmupSeconds }),
    }))
    .filter(({ runs }) => runs.length > 0);
  if (cases.length === 0) throw new Error('no case is left by these options');
  const rounds = amount('--rounds', values.rounds) ?? (values.quick ? 1 : ROUNDS);
  if (!Number.isInteger(rounds)) throw new Error(`--rounds: "${String(rounds)}" is not a whole number`);
  const plan = {
    cases,
    rounds,
    quick: values.quick,
    check: values.check,
    out: values.out,
    into: values.into,
    named: !all,
    command: commandOf({
      ...values,
      cases: values.cases && named.join(','),
      group: values.group && groups.join(','),
      servers: values.servers && subjects.join(','),
      out: undefined,
      into: undefined,
      check: false,
    }),
  };
  return { kind: 'run', plan };
}

/** The cases that a record was begun for; of a command that `readOrder` made. */
export function casesOf(command: string): readonly BenchCase[] {
  const order = readOrder(command.split(' ').slice(COMMAND_WORDS));
  return order.kind === 'run' ? order.plan.cases : [];
}

function only(subjects: readonly Subject[], benchCase: BenchCase): BenchCase {
  return { ...benchCase, runs: benchCase.runs.filter(({ subject }) => subjects.includes(subject)) };
}

function pick<T extends string>(
  flag: string,
  given: string | undefined,
  known: readonly T[],
): readonly T[] | undefined {
  const names = given?.split(',').map((name) => name.trim());
  const unknown = names?.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`${flag}: "${unknown}" is none of ${known.join(', ')}`);
  return names as T[] | undefined;
}

function amount(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!(value > 0)) throw new Error(`${flag}: "${given}" is not a number above 0`);
  return value;
}

function commandOf(values: Readonly<Record<string, string | boolean | undefined>>): string {
  const flags = Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : value === true ? [`--${name}`] : [`--${name} ${value}`],
  );
  return flags.length === 0 ? COMMAND : `${COMMAND} -- ${flags.join(' ')}`;
}
