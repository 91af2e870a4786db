import {
  type BenchCase,
  type Group,
  type Load,
  type Pace,
  type Pair,
  type Quick,
  type Run,
  runKey,
} from './case.js';
import type { Figure } from './figures.js';
import type { Subject } from './subjects.js';

/** 20 streams on 4 connections, 16 frames under way on each, payloads of 256 bytes. */
export const USUAL: Load = {
  mode: 'throughput',
  method: 'StreamData',
  connections: 4,
  streams: 20,
  outstanding: 16,
  batch: 1,
  payloadBytes: 256,
  sessionsPerStream: 1,
  stalled: 0,
  tls: false,
  rateShare: 0,
};

/** For the JIT to know a case's own path; the first run on a server gets more (measure.ts). */
export const WARMUP_SECONDS = 1.5;
export const SECONDS = 1.5;

interface Plain {
  readonly name: string;
  readonly group: Group;
  readonly title: string;
  readonly subjects: readonly Subject[];
  readonly load: Partial<Load>;
  readonly figure?: Figure;
  readonly seconds?: number;
  readonly warmupSeconds?: number;
  readonly freshServers?: boolean;
  readonly pace?: Pace;
  readonly quick?: Quick;
}

/** Everyone under the same load. */
export function plainCase({ subjects, load, ...rest }: Plain): BenchCase {
  const runs = subjects.map((subject): Run => ({ subject, load: { ...USUAL, ...load } }));
  return buildCase(rest, runs, betweenSubjects(subjects, undefined));
}

interface Varied extends Omit<Plain, 'load'> {
  /** By name, in the order of the comparison: each is divided by the first. */
  readonly variants: Readonly<Record<string, Variant>>;
}

interface Variant extends Partial<Load> {
  /** Where it takes less time than its case. */
  readonly seconds?: number;
}

/** Each subject under several loads: compared with itself, and with the others under each of the loads. */
export function variedCase({ subjects, variants, ...rest }: Varied): BenchCase {
  const names = Object.keys(variants);
  const [first = '', ...others] = names;
  const runs = subjects.flatMap((subject) =>
    names.map((variant): Run => {
      const { seconds, ...load } = variants[variant] ?? {};
      return {
        subject,
        variant,
        load: { ...USUAL, ...load },
        ...(seconds === undefined ? {} : { seconds }),
      };
    }),
  );
  const withItself = subjects.flatMap((subject) =>
    others.map((variant) => ({
      of: runKey({ subject, variant }),
      to: runKey({ subject, variant: first }),
    })),
  );
  const withOthers = names.flatMap((variant) => betweenSubjects(subjects, variant));
  return buildCase(rest, runs, [...withItself, ...withOthers]);
}

export function buildCase(
  given: Omit<Plain, 'subjects' | 'load'>,
  runs: readonly Run[],
  pairs: readonly Pair[],
): BenchCase {
  return {
    figure: 'messagesPerCpuSecond',
    warmupSeconds: WARMUP_SECONDS,
    seconds: SECONDS,
    freshServers: false,
    ...given,
    runs,
    pairs,
  };
}

/** Sluice in both forms to each of the peers, and what the sessions cost: the one form to the other. */
function betweenSubjects(subjects: readonly Subject[], variant: string | undefined): Pair[] {
  const key = (subject: Subject): string =>
    runKey({ subject, ...(variant === undefined ? {} : { variant }) });
  const mine = (['sluice', 'sluice-simple'] as const).filter((subject) => subjects.includes(subject));
  const peers = subjects.filter((subject) => !subject.startsWith('sluice'));
  const toPeers = peers.flatMap((to) => mine.map((of) => ({ of: key(of), to: key(to) })));
  return mine.length < 2 ? toPeers : [...toPeers, { of: key('sluice'), to: key('sluice-simple') }];
}
