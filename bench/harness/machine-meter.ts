import { machineCpuSeconds } from './proc.js';

/** Above this, in cores, something else than the benchmark was at work: the run is repeated once, then counted. */
export const DISTURBED_CORES = 0.15;

/** How quiet the machine was over a whole benchmark. */
export interface Rest {
  /** Runs of which it is known. */
  readonly runs: number;
  /** Of those, how many were measured again. */
  readonly repeated: number;
  /** And how many were disturbed then, too. */
  readonly disturbed: number;
}

/** What all cores work within an interval, whoever for. Without /proc it knows nothing. */
export class MachineMeter {
  #from = reading();
  #to: Reading | undefined;

  /** The interval begins. Of several beginnings the last counts; without one it is the making of the meter. */
  begin(): void {
    this.#from = reading();
    this.#to = undefined;
  }

  /** It ends. Without an end it is when `otherCores` is asked. */
  end(): void {
    this.#to = reading();
  }

  /** Cores that were busy for others than those whose CPU seconds within the interval are given. */
  otherCores(...own: readonly (number | undefined)[]): number | undefined {
    this.#to ??= reading();
    const { cpuSeconds: before, atMs: fromMs } = this.#from;
    const { cpuSeconds: after, atMs: toMs } = this.#to;
    if (before === undefined || after === undefined || toMs === fromMs) return undefined;
    let others = after - before;
    for (const used of own) {
      if (used === undefined) return undefined;
      others -= used;
    }
    // The times of processes and those of the machine are not read at one moment.
    return Math.max(0, others / ((toMs - fromMs) / 1000));
  }
}

interface Reading {
  readonly cpuSeconds: number | undefined;
  readonly atMs: number;
}

function reading(): Reading {
  return { cpuSeconds: machineCpuSeconds(), atMs: performance.now() };
}
