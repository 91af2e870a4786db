/**
 * Sluice beside its peers: the same load on each in turn, round after round, in one run. `--help` names the
 * options; read bench/README.md before comparing figures of different runs.
 */
import { resolve } from 'node:path';

import type { BenchCase } from './harness/case.js';
import { killChildrenOnExit } from './harness/child.js';
import { CASES } from './harness/cases.js';
import { haveSameServers, machine, source } from './harness/environment.js';
import { stepsOf } from './harness/estimate.js';
import { chooseGenerator } from './harness/generator.js';
import { buildGoTools } from './harness/go-tools.js';
import { merge, missingCases, whyNotInto } from './harness/merge.js';
import { pathOf } from './harness/paths.js';
import { casesOf, readOrder, USAGE, type Plan } from './harness/plan.js';
import { remaining } from './harness/progress.js';
import { publish } from './harness/publish.js';
import { readRecord, writeRecord } from './harness/record-file.js';
import { judgeAll, restOf, type BenchRecord } from './harness/record.js';
import { barsReport, failureText } from './harness/report.js';
import { runCases, type Measured } from './harness/run-cases.js';
import { runtimesOf } from './harness/runtimes.js';
import { ServerPool } from './harness/server-pool.js';
import { table } from './harness/table.js';
import { trialReasons } from './harness/trial.js';

/** Exit codes from here on are of a signal. */
const INTERRUPTED = 128;

/** The exit code: 1 when something failed, or with `--check` a target was missed. */
async function run(plan: Plan): Promise<number> {
  killChildrenOnExit();
  const started = new Date();
  const go = await buildGoTools(console.log);
  const host = machine(go.version);
  const measuredSource = source();
  const generator = chooseGenerator(go);
  const earlier = plan.into === undefined ? undefined : await readRecord(plan.into);
  const cases =
    earlier === undefined || plan.named ? plan.cases : missingCases(earlier, casesOf(earlier.command));
  if (cases.length === 0)
    throw new Error('--into: the record lacks nothing; --cases measures some of it anew');
  if (plan.quick) console.log('quick: the loads are small and short, the figures mean nothing');
  console.log(`load generator: ${generator.title}`);
  const pool = new ServerPool(go);
  const runtimes = await runtimesOf(cases, pool);
  for (const [subject, runtime] of Object.entries(runtimes)) console.log(`${subject}: ${runtime}`);

  const head = {
    format: 1,
    stamp: started.toISOString(),
    command: plan.command,
    quick: plan.quick,
    rounds: plan.rounds,
    machine: host,
    ...(measuredSource === undefined ? {} : { source: measuredSource }),
    generator: generator.title,
    runtimes,
  } as const;
  const wrong = earlier && whyNotInto(earlier, head);
  if (wrong !== undefined) throw new Error(`--into ${plan.into ?? ''}: ${wrong}`);
  const areSameServers = haveSameServers(earlier?.source, measuredSource);
  const recordOf = (measured: Measured): BenchRecord => {
    const rest = restOf(measured.cases);
    const minutes = (Date.now() - started.getTime()) / 60_000;
    const own = { ...head, minutes, ...(rest && { rest }), ...measured, bars: judgeAll(measured.cases) };
    return earlier === undefined ? own : merge(earlier, own, areSameServers);
  };

  const file = resolve(
    plan.into ?? plan.out ?? pathOf(`bench/results/run-${started.toISOString().replaceAll(':', '-')}.json`),
  );
  const shown = plan.into ?? plan.out ?? file.slice(pathOf('').length);
  console.log(`the record, written after each case: ${shown}`);
  console.log(`${remaining(thought(cases, plan.rounds))} if the machine is at rest`);
  let isKept = false;
  const goesOn = whyNotInto({ ...head, cases: [] }, head) === undefined;
  process.on('exit', (code) => {
    if (!isKept || code < INTERRUPTED) return;
    const next = goesOn
      ? `goes on with: npm run bench -- --into ${shown}`
      : `what was measured is in ${shown}`;
    console.log(`\ninterrupted; ${next}`);
  });
  // What is measured is kept, whatever becomes of the rest.
  const write = async (measured: Measured): Promise<void> => {
    try {
      await writeRecord(file, recordOf(measured));
      isKept = true;
    } catch (error) {
      console.error(`the record could not be written: ${String(error)}`);
    }
  };

  let measured: Measured;
  try {
    measured = await runCases({ ...plan, cases }, pool, generator, write);
  } finally {
    await pool.close();
  }
  const record = recordOf(measured);
  const { bars, failures } = record;
  // Times of a quick run say nothing.
  const judged = bars.filter((bar) => record.cases.some(({ name }) => name === bar.case));
  if (!plan.quick && judged.length > 0) console.log(`\n${barsReport(judged)}`);
  const reasons = plan.quick ? [] : trialReasons(record);
  if (reasons.length > 0) console.log(`\na trial, not a result: ${reasons.join('; ')}`);
  if (failures.length > 0) {
    console.log(`\n${String(failures.length)} failed:`);
    for (const failure of failures) console.log(`  ${failure.case}, ${failureText(failure)}`);
  }
  console.log(`\nwritten to ${shown}`);
  const missed = plan.check && bars.some(({ verdict }) => verdict === 'MISSED');
  return failures.length > 0 || missed ? 1 : 0;
}

/** Seconds that the cases take on a machine at rest, as far as is known before. */
function thought(cases: readonly BenchCase[], rounds: number): number {
  return cases.flatMap((one) => stepsOf(one, rounds)).reduce((sum, { seconds }) => sum + seconds, 0);
}

async function main(): Promise<number> {
  const order = readOrder(process.argv.slice(2));
  switch (order.kind) {
    case 'help':
      console.log(USAGE);
      return 0;
    case 'list':
      console.log(
        table(
          ['case', 'group', 'title'],
          CASES.map(({ name, group, title }) => [name, group, title]),
          ['left', 'left', 'left'],
        ),
      );
      return 0;
    case 'publish':
      for (const file of await publish(order.file)) console.log(`written: ${file}`);
      return 0;
    case 'run':
      return run(order.plan);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // The exit handler ends the children.
  process.exit(1);
}
