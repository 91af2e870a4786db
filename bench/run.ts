/**
 * Sluice beside its peers: the same load on each in turn, round after round, in one run. Read
 * bench/README.md before comparing figures of different runs.
 *
 *   npm run bench -- [--quick] [--cases a,b] [--servers a,b] [--rounds n] [--seconds s] [--warmup s] [--check]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { CASES, type BenchCase } from './harness/cases.js';
import { killChildrenOnExit } from './harness/child.js';
import { environment } from './harness/environment.js';
import { chooseGenerator, generateLoad, type Generator } from './harness/generator.js';
import { buildGoTools } from './harness/go-tools.js';
import { pathOf } from './harness/paths.js';
import {
  perCpuSecond,
  ratioTable,
  serverTable,
  summarizeRatios,
  summarizeServers,
  thousands,
  type CaseRounds,
  type Round,
} from './harness/report.js';
import {
  defineServer,
  isMissing,
  SERVER_NAMES,
  startServer,
  type RunningServer,
  type ServerName,
} from './harness/servers.js';

interface Plan {
  readonly cases: readonly BenchCase[];
  readonly servers: readonly ServerName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Exit 1 when a wanted ratio is missed. */
  readonly check: boolean;
}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      cases: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      check: { type: 'boolean', default: false },
    },
  });
  const caseNames = CASES.map(({ name }) => name);
  const usual = values.quick
    ? { cases: caseNames.slice(0, 1), rounds: 3, seconds: 2.5, warmup: 0.5 }
    : { cases: caseNames, rounds: 5, seconds: 5, warmup: 1.5 };
  const chosen = pick('--cases', values.cases, caseNames, usual.cases);
  return {
    cases: CASES.filter(({ name }) => chosen.includes(name)),
    servers: pick('--servers', values.servers, SERVER_NAMES, SERVER_NAMES),
    rounds: positive('--rounds', values.rounds, usual.rounds),
    seconds: positive('--seconds', values.seconds, usual.seconds),
    warmupSeconds: positive('--warmup', values.warmup, usual.warmup),
    check: values.check,
  };
}

function pick<T extends string>(
  flag: string,
  given: string | undefined,
  known: readonly T[],
  usual: readonly T[],
): readonly T[] {
  if (given === undefined) return usual;
  const names = given.split(',');
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`${flag}: "${unknown}" is none of ${known.join(', ')}`);
  return names as T[];
}

function positive(flag: string, given: string | undefined, usual: number): number {
  const value = given === undefined ? usual : Number(given);
  if (!(value > 0)) throw new Error(`${flag}: "${String(given)}" is not a number above 0`);
  return value;
}

async function startServers(
  plan: Plan,
  goTools: Parameters<typeof defineServer>[1],
): Promise<RunningServer[]> {
  const running: RunningServer[] = [];
  for (const name of plan.servers) {
    const definition = defineServer(name, goTools);
    if (isMissing(definition)) console.log(`without ${name}: ${definition.reason}`);
    else running.push(await startServer(definition));
  }
  return running;
}

async function measureCase(
  benchCase: BenchCase,
  plan: Plan,
  servers: readonly RunningServer[],
  generator: Generator,
): Promise<CaseRounds> {
  const rounds: Round[] = [];
  console.log(`\n${benchCase.title}`);
  for (let number = 1; number <= plan.rounds; number += 1) {
    const round: { -readonly [K in keyof Round]: Round[K] } = {};
    for (const server of servers) {
      const { name, methods } = server.definition;
      const { load } = benchCase;
      const spoken = methods.includes(load.method)
        ? load
        : { ...load, method: 'StreamData' as const, batch: 1 };
      const result = await generateLoad(generator, server, spoken, plan).catch((error: unknown) => {
        throw new Error(`${name}: ${String(error)} ${server.stderr()}`, { cause: error });
      });
      round[name] = result;
      const perCpu = perCpuSecond(result);
      console.log(
        `  round ${String(number)}/${String(plan.rounds)}  ${name.padEnd(7)}` +
          `${perCpu === undefined ? '?' : thousands(perCpu)} msg/CPU-s  ${thousands(result.messagesPerSecond)} msg/s`,
      );
    }
    rounds.push(round);
  }
  return { benchCase, rounds };
}

async function main(): Promise<void> {
  const plan = readPlan();
  killChildrenOnExit();
  const go = await buildGoTools(console.log);
  const generator = chooseGenerator(go);
  console.log(`load generator: ${generator.title}`);
  const servers = await startServers(plan, go);
  const names = servers.map(({ definition }) => definition.name);
  const measured: CaseRounds[] = [];
  try {
    for (const benchCase of plan.cases) {
      measured.push(await measureCase(benchCase, plan, servers, generator));
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }

  const results = measured.map((caseRounds) => {
    const summaries = summarizeServers(caseRounds.rounds, names);
    const ratios = summarizeRatios(caseRounds, names);
    console.log(`\n${caseRounds.benchCase.title}\n${serverTable(summaries)}`);
    if (ratios.length > 0) console.log(`\n${ratioTable(ratios)}`);
    return { ...caseRounds, summaries, ratios };
  });
  const stamp = new Date().toISOString();
  const file = `bench/results/run-${stamp.replaceAll(':', '-')}.json`;
  await mkdir(pathOf('bench/results'), { recursive: true });
  const record = { stamp, environment: environment(go.version), generator: generator.title, plan, results };
  await writeFile(pathOf(file), `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
  // A peer that could not be had can't be judged; without Sluice nothing can.
  const judged = names.includes('sluice');
  const missed = results
    .flatMap(({ ratios }) => ratios)
    .some(({ ratio, atLeast }) => atLeast !== undefined && ratio.median < atLeast);
  if (plan.check && (missed || !judged)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // The exit handler ends the children.
  process.exit(1);
}
