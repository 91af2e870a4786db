import type { Round } from './bars.js';
import { inOrder, runKey, type BenchCase, type Run } from './case.js';
import { USUAL } from './cases.js';
import { FIGURES, type Figures } from './figures.js';
import { GeneratorCannotError, type Generator } from './generator.js';
import { DISTURBED_CORES, type Rest } from './machine-meter.js';
import { measure, needOf, type Conditions } from './measure.js';
import type { Plan } from './plan.js';
import { Progress } from './progress.js';
import { recordCase, type CaseRecord, type Failure } from './record.js';
import { caseReport, failureText } from './report.js';
import type { ServerPool } from './server-pool.js';
import { isMissing } from './servers.js';
import { summarize } from './statistics.js';

/** Starting the generator, opening the streams and ending them, beside what is measured. */
const OVERHEAD_SECONDS = 0.5;
const OPENING_SECONDS_PER_CONNECTION = 0.0015;
const CALIBRATION_SECONDS = 1;
const CALIBRATIONS = 3;

export interface Measured {
  readonly cases: readonly CaseRecord[];
  readonly failures: readonly Failure[];
  readonly omissions: readonly Failure[];
  readonly rest?: Rest;
}

/**
 * Measures the cases one after another, each on servers of its own. What fails is told, tried again in the next
 * round, and loses nothing of the rest. `onCase` is called with all there is after each case.
 */
export async function runCases(
  { cases, rounds, quick }: Pick<Plan, 'cases' | 'rounds' | 'quick'>,
  pool: ServerPool,
  generator: Generator,
  onCase: (measured: Measured) => Promise<void>,
): Promise<Measured> {
  const steps = cases.flatMap((benchCase) =>
    Array.from({ length: rounds }, () => benchCase.runs.map((run) => stepOf(benchCase, run))).flat(),
  );
  const progress = new Progress(process.stdout, steps);
  const records: CaseRecord[] = [];
  const failures: Failure[] = [];
  const omissions: Failure[] = [];
  const tally: Tally = { runs: 0, repeated: 0, disturbed: 0 };
  const measured = (): Measured => ({
    cases: records,
    failures,
    omissions,
    ...(tally.runs === 0 ? {} : { rest: { ...tally } }),
  });
  for (const [index, benchCase] of cases.entries()) {
    const place = `${String(index + 1)}/${String(cases.length)} ${benchCase.name}`;
    progress.print(`\n${place}: ${benchCase.title}`);
    const one = new CaseRun(benchCase, { pool, generator, progress, tally, repeats: !quick });
    const told = await one.play(rounds, place);
    const record = recordCase(benchCase, told);
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

function stepOf({ warmupSeconds, seconds }: BenchCase, { load }: Run): { readonly seconds: number } {
  const opening = load.connections * OPENING_SECONDS_PER_CONNECTION;
  return { seconds: warmupSeconds + seconds + OVERHEAD_SECONDS + opening };
}

type Tally = { -readonly [K in keyof Rest]: Rest[K] };

/** What the cases of a benchmark share. */
interface Tools {
  readonly pool: ServerPool;
  readonly generator: Generator;
  readonly progress: Progress;
  readonly tally: Tally;
  /** Whether a disturbed run is measured again. */
  readonly repeats: boolean;
}

/** One case under way. */
class CaseRun {
  readonly failures: Failure[] = [];
  readonly omissions: Failure[] = [];
  readonly #case: BenchCase;
  readonly #tools: Tools;
  readonly #out = new Set<string>();
  /** Of plain, in a closed loop. */
  #plainPerSecond = 0;

  constructor(benchCase: BenchCase, tools: Tools) {
    this.#case = benchCase;
    this.#tools = tools;
  }

  async play(rounds: number, place: string): Promise<readonly Round[]> {
    const told: Round[] = [];
    if (!(await this.#prepare())) return told;
    for (let number = 1; number <= rounds; number += 1) {
      const round: Record<string, Figures> = {};
      for (const run of inOrder(this.#case.runs, number)) {
        const key = runKey(run);
        const step = stepOf(this.#case, run);
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
    const { pool, generator, progress } = this.#tools;
    const { runs, freshServers, warmupSeconds, seconds } = this.#case;
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
    if (!runs.some(({ load }) => load.rateShare > 0)) return true;
    try {
      const conditions = {
        warmupSeconds,
        seconds: Math.min(seconds, CALIBRATION_SECONDS),
        fresh: freshServers,
      };
      const rates: number[] = [];
      for (let sample = 0; sample < CALIBRATIONS; sample += 1) {
        const figures = await measure(pool, generator, { subject: 'plain', load: USUAL }, conditions);
        if (figures.messagesPerSecond !== undefined) rates.push(figures.messagesPerSecond);
      }
      this.#plainPerSecond = summarize(rates).median;
      progress.print(`plain in a closed loop: ${this.#plainPerSecond.toFixed(0)} messages a second`);
      return true;
    } catch (error) {
      this.#fail('plain, to find the rate', error);
      return false;
    }
  }

  async #measure(run: Run, round: number): Promise<Figures | undefined> {
    const { pool, generator, progress, tally, repeats } = this.#tools;
    const { warmupSeconds, seconds, freshServers: fresh } = this.#case;
    const { rateShare } = run.load;
    const rate = rateShare === 0 ? {} : { ratePerSecond: this.#plainPerSecond * rateShare };
    const conditions: Conditions = { warmupSeconds, seconds, fresh, ...rate };
    try {
      let figures = await measure(pool, generator, run, conditions);
      if (repeats && isDisturbed(figures)) {
        tally.repeated += 1;
        progress.print(`  disturbed, once more: ${runKey(run)}`);
        figures = quieter(figures, await measure(pool, generator, run, conditions));
      }
      if (figures.otherCpuPerSecond !== undefined) tally.runs += 1;
      if (isDisturbed(figures)) tally.disturbed += 1;
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
