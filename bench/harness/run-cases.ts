import type { Round } from './bars.js';
import { inOrder, runKey, secondsOf, type BenchCase, type Pace, type Run } from './case.js';
import { stepOf, stepsOf } from './estimate.js';
import { FIGURES, type Figures } from './figures.js';
import { GeneratorCannotError, type Generator } from './generator.js';
import { DISTURBED_CORES } from './machine-meter.js';
import { measure, needOf, type Conditions } from './measure.js';
import type { Plan } from './plan.js';
import { Progress } from './progress.js';
import { recordCase, type CaseRecord, type Failure } from './record.js';
import { caseReport, failureText } from './report.js';
import type { ServerPool } from './server-pool.js';
import { isMissing } from './servers.js';
import { summarize } from './statistics.js';

const CALIBRATION_SECONDS = 1;
const CALIBRATIONS = 3;
/** Most runs that are measured again, as a part of all: a machine that is never at rest makes a trial anyhow. */
const REPEATED_SHARE = 0.2;

export interface Measured {
  readonly cases: readonly CaseRecord[];
  readonly failures: readonly Failure[];
  readonly omissions: readonly Failure[];
}

/**
 * Measures the cases one after another, each on servers of its own. What fails is told, tried again in the next
 * round, and loses nothing of the rest. `onCase` is called with all there is after each case; it never rejects.
 */
export async function runCases(
  { cases, rounds, quick }: Pick<Plan, 'cases' | 'rounds' | 'quick'>,
  pool: ServerPool,
  generator: Generator,
  onCase: (measured: Measured) => Promise<void>,
): Promise<Measured> {
  const steps = cases.flatMap((benchCase) => stepsOf(benchCase, rounds));
  const progress = new Progress(process.stdout, steps);
  const records: CaseRecord[] = [];
  const failures: Failure[] = [];
  const omissions: Failure[] = [];
  const measured = (): Measured => ({ cases: records, failures, omissions });
  const runs = cases.reduce((sum, one) => sum + one.runs.length * rounds, 0);
  let repeats = quick ? 0 : Math.ceil(REPEATED_SHARE * runs);
  for (const [index, benchCase] of cases.entries()) {
    const place = `${String(index + 1)}/${String(cases.length)} ${benchCase.name}`;
    progress.print(`\n${place}: ${benchCase.title} (${progress.left()})`);
    const one = new CaseRun(benchCase, { pool, generator, progress, repeats });
    const told = await one.play(rounds, place);
    repeats -= one.rest.repeated;
    const record = { ...recordCase(benchCase, told), ...(one.rest.runs === 0 ? {} : { rest: one.rest }) };
    records.push(record);
    failures.push(...one.failures);
    omissions.push(...one.omissions);
    progress.print(caseReport(record));
    for (const failure of one.failures) progress.print(`FAILED ${failureText(failure)}`);
    await pool.stopAll();
    await onCase(measured());
  }
  progress.clear();
  return measured();
}

/** What the cases of a benchmark share. */
interface Tools {
  readonly pool: ServerPool;
  readonly generator: Generator;
  readonly progress: Progress;
  /** How many disturbed runs may be measured again. */
  readonly repeats: number;
}

/** One case under way. */
class CaseRun {
  readonly failures: Failure[] = [];
  readonly omissions: Failure[] = [];
  readonly rest = { runs: 0, repeated: 0, disturbed: 0 };
  readonly #case: BenchCase;
  readonly #tools: Tools;
  readonly #out = new Set<string>();
  /** What open loops have a share of. */
  #pacePerSecond = 0;

  constructor(benchCase: BenchCase, tools: Tools) {
    this.#case = benchCase;
    this.#tools = tools;
  }

  async play(rounds: number, place: string): Promise<readonly Round[]> {
    const told: Round[] = [];
    try {
      if (!(await this.#prepare())) return told;
    } catch (error) {
      this.#fail('before its first run', error);
      return told;
    }
    for (let number = 1; number <= rounds; number += 1) {
      const round: Record<string, Figures> = {};
      for (const run of inOrder(this.#case.runs, number)) {
        const key = runKey(run);
        const step = stepOf(this.#case, run, number);
        const where = `round ${String(number)}/${String(rounds)}  ${key}`;
        this.#tools.progress.begin(`${place}  ${where}`);
        const figures = this.#out.has(key) ? undefined : await this.#measure(run, number);
        if (figures !== undefined) round[key] = figures;
        this.#tools.progress.end(step, `${where}  ${this.#said(figures)}`);
      }
      told.push(round);
    }
    return told;
  }

  /**
   * Leaves out whom there is no server for, starts the servers, and finds the rate of an open loop. False: nothing
   * can be measured.
   */
  async #prepare(): Promise<boolean> {
    const { pool } = this.#tools;
    const { runs, freshServers, pace } = this.#case;
    for (const run of runs) {
      const definition = await pool.define(needOf(run));
      if (isMissing(definition)) this.#omit(runKey(run), definition.reason);
    }
    try {
      for (const run of freshServers ? [] : runs) {
        if (!this.#out.has(runKey(run))) await pool.use(needOf(run));
      }
    } catch {
      // Its runs say what is the matter, each time.
    }
    return pace === undefined || this.#out.size === runs.length || (await this.#findPace(pace));
  }

  /** One good sample will do. */
  async #findPace({ run, figure }: Pace): Promise<boolean> {
    const { pool, generator, progress } = this.#tools;
    const { warmupSeconds, seconds, freshServers: fresh } = this.#case;
    const conditions = { warmupSeconds, seconds: Math.min(seconds, CALIBRATION_SECONDS), fresh };
    const rates: number[] = [];
    for (let sample = 0; sample < CALIBRATIONS; sample += 1) {
      try {
        const figures = await measure(pool, generator, run, conditions);
        // Where /proc does not tell, a server that is never idle uses one core.
        const rate = figures[figure] ?? figures.messagesPerSecond;
        if (rate !== undefined) rates.push(rate);
      } catch (error) {
        if (error instanceof GeneratorCannotError) {
          for (const one of this.#case.runs) this.#omit(runKey(one), error.message);
          return false;
        }
        this.#fail(`${run.subject}, to find the rate`, error);
      }
    }
    if (rates.length === 0) return false;
    this.#pacePerSecond = summarize(rates).median;
    const { title } = FIGURES[figure];
    progress.print(`${run.subject} in a closed loop: ${this.#pacePerSecond.toFixed(0)} ${title}`);
    return true;
  }

  async #measure(run: Run, round: number): Promise<Figures | undefined> {
    const { pool, generator, progress, repeats } = this.#tools;
    const { warmupSeconds, freshServers: fresh } = this.#case;
    const { rateShare } = run.load;
    const rate = rateShare === 0 ? {} : { ratePerSecond: this.#pacePerSecond * rateShare };
    const conditions: Conditions = { warmupSeconds, seconds: secondsOf(this.#case, run), fresh, ...rate };
    try {
      let figures = await measure(pool, generator, run, conditions);
      if (this.rest.repeated < repeats && isDisturbed(figures)) {
        this.rest.repeated += 1;
        progress.print(`  disturbed, once more: ${runKey(run)}`);
        figures = quieter(figures, await measure(pool, generator, run, conditions));
      }
      if (figures.otherCpuPerSecond !== undefined) this.rest.runs += 1;
      if (isDisturbed(figures)) this.rest.disturbed += 1;
      return figures;
    } catch (error) {
      if (error instanceof GeneratorCannotError) this.#omit(runKey(run), error.message);
      else this.#fail(runKey(run), error, round);
      return undefined;
    }
  }

  #omit(run: string, message: string): void {
    this.#out.add(run);
    this.omissions.push({ case: this.#case.name, run, message });
    this.#tools.progress.print(`without ${run}: ${message}`);
  }

  #fail(run: string, error: unknown, round?: number): void {
    const message = error instanceof Error ? error.message : String(error);
    this.failures.push({ case: this.#case.name, run, message, ...(round === undefined ? {} : { round }) });
  }

  #said(figures: Figures | undefined): string {
    if (figures === undefined) return 'nothing';
    const { figure } = this.#case;
    const value = figures[figure];
    const { title, format } = FIGURES[figure];
    return value === undefined ? 'no figure' : `${format(value)} ${title}`;
  }
}

function isDisturbed({ otherCpuPerSecond = 0 }: Figures): boolean {
  return otherCpuPerSecond > DISTURBED_CORES;
}

/** Of two measurements of one run, never the better figures. */
function quieter(first: Figures, second: Figures): Figures {
  return (second.otherCpuPerSecond ?? 0) <= (first.otherCpuPerSecond ?? 0) ? second : first;
}
