import type { Round } from './bars.js';
import { inOrder, runKey, type BenchCase, type Run } from './case.js';
import { USUAL } from './cases.js';
import { FIGURES, type Figures } from './figures.js';
import { GeneratorCannotError, type Generator } from './generator.js';
import { measure, needOf } from './measure.js';
import { Progress } from './progress.js';
import { recordCase, type CaseRecord, type Failure } from './record.js';
import { caseReport } from './report.js';
import type { ServerPool } from './server-pool.js';
import { isMissing } from './servers.js';

/** Starting the generator, opening the streams and ending them, beside what is measured. */
const OVERHEAD_SECONDS = 0.5;
const OPENING_SECONDS_PER_CONNECTION = 0.0015;
const CALIBRATION_SECONDS = 1;

export interface Measured {
  readonly cases: readonly CaseRecord[];
  readonly failures: readonly Failure[];
  readonly omissions: readonly Failure[];
}

/**
 * Measures the cases one after another. What fails is left out of its case from then on, told, and loses nothing
 * of the rest. `onCase` is called with all there is after each case.
 */
export async function runCases(
  cases: readonly BenchCase[],
  rounds: number,
  pool: ServerPool,
  generator: Generator,
  onCase: (measured: Measured) => Promise<void>,
): Promise<Measured> {
  const steps = cases.flatMap((benchCase) =>
    Array.from({ length: rounds }, () => benchCase.runs.map((run) => stepOf(benchCase, run))).flat(),
  );
  const progress = new Progress(process.stdout, steps);
  const measured = { cases: [] as CaseRecord[], failures: [] as Failure[], omissions: [] as Failure[] };
  for (const [index, benchCase] of cases.entries()) {
    const place = `${String(index + 1)}/${String(cases.length)} ${benchCase.name}`;
    progress.print(`\n${place}: ${benchCase.title}`);
    const one = new CaseRun(benchCase, pool, generator, progress);
    const told = await one.play(rounds, place);
    const record = recordCase(benchCase, told);
    measured.cases.push(record);
    measured.failures.push(...one.failures);
    measured.omissions.push(...one.omissions);
    progress.print(caseReport(record));
    for (const { run, message } of one.failures) progress.print(`FAILED ${run}: ${message}`);
    await onCase(measured);
    await pool.keepOnly(cases.slice(index + 1).flatMap(({ runs }) => runs.map(needOf)));
  }
  progress.clear();
  return measured;
}

function stepOf({ warmupSeconds, seconds }: BenchCase, { load }: Run): { readonly seconds: number } {
  const opening = load.connections * OPENING_SECONDS_PER_CONNECTION;
  return { seconds: warmupSeconds + seconds + OVERHEAD_SECONDS + opening };
}

/** One case under way. */
class CaseRun {
  readonly failures: Failure[] = [];
  readonly omissions: Failure[] = [];
  readonly #case: BenchCase;
  readonly #pool: ServerPool;
  readonly #generator: Generator;
  readonly #progress: Progress;
  readonly #out = new Set<string>();
  #ratePerSecond: number | undefined;

  constructor(benchCase: BenchCase, pool: ServerPool, generator: Generator, progress: Progress) {
    this.#case = benchCase;
    this.#pool = pool;
    this.#generator = generator;
    this.#progress = progress;
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
        this.#progress.begin(`${place}  ${where}`);
        const figures = this.#out.has(key) ? undefined : await this.#measure(run);
        if (figures !== undefined) round[key] = figures;
        this.#progress.end(step, `${where}  ${this.#said(figures)}`);
      }
      told.push(round);
    }
    return told;
  }

  /** Leaves out whom there is no server for, and finds the rate of an open loop. False: nothing can be measured. */
  async #prepare(): Promise<boolean> {
    for (const run of this.#case.runs) {
      const definition = await this.#pool.define(needOf(run));
      if (isMissing(definition)) this.#omit(runKey(run), definition.reason);
    }
    if (!this.#case.runs.some(({ load }) => load.halfLoad)) return true;
    try {
      const times = { warmupSeconds: this.#case.warmupSeconds, seconds: CALIBRATION_SECONDS };
      const plain = { subject: 'plain', load: USUAL } as const;
      const { messagesPerSecond = 0 } = await measure(this.#pool, this.#generator, plain, times);
      this.#ratePerSecond = messagesPerSecond / 2;
      this.#progress.print(`rate: ${this.#ratePerSecond.toFixed(0)} messages a second`);
      return true;
    } catch (error) {
      this.#fail('plain, to find the rate', error);
      return false;
    }
  }

  async #measure(run: Run): Promise<Figures | undefined> {
    const { warmupSeconds, seconds } = this.#case;
    const rate = this.#ratePerSecond === undefined ? {} : { ratePerSecond: this.#ratePerSecond };
    try {
      return await measure(this.#pool, this.#generator, run, { warmupSeconds, seconds, ...rate });
    } catch (error) {
      if (error instanceof GeneratorCannotError) this.#omit(runKey(run), error.message);
      else this.#fail(runKey(run), error);
      return undefined;
    }
  }

  #omit(run: string, message: string): void {
    this.#out.add(run);
    this.omissions.push({ case: this.#case.name, run, message });
    this.#progress.print(`without ${run}: ${message}`);
  }

  #fail(run: string, error: unknown): void {
    this.#out.add(run);
    const message = error instanceof Error ? error.message : String(error);
    this.failures.push({ case: this.#case.name, run, message });
  }

  #said(figures: Figures | undefined): string {
    if (figures === undefined) return 'nothing';
    const { figure } = this.#case;
    const value = figures[figure];
    const { title, format } = FIGURES[figure];
    return value === undefined ? 'no figure' : `${format(value)} ${title}`;
  }
}
