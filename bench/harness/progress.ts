/** What a run costs in time, measured or not: for the estimate of what is left. */
export interface Step {
  readonly seconds: number;
}

/**
 * How far a benchmark is: on a terminal one line that is written again, elsewhere a line for each step done.
 * What else is printed meanwhile goes through `print`.
 */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #total: number;
  readonly #startedMs: number;
  #done = 0;
  #shown = false;

  constructor(out: NodeJS.WriteStream, steps: readonly Step[]) {
    this.#out = out;
    this.#total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    this.#startedMs = performance.now();
  }

  /** A step begins: `where` says of what. Only a terminal is told. */
  begin(where: string): void {
    if (!this.#out.isTTY) return;
    const line = `${where}  ${this.left()}`;
    this.#out.write(`\r\x1b[K${line.slice(0, (this.#out.columns || 80) - 1)}`);
    this.#shown = true;
  }

  /** The step is done, with what it told. */
  end({ seconds }: Step, line: string): void {
    this.#done += seconds;
    if (!this.#out.isTTY) this.#out.write(`  ${line}\n`);
  }

  print(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  clear(): void {
    if (this.#shown) this.#out.write('\r\x1b[K');
    this.#shown = false;
  }

  /** By how long the steps so far took, against what was thought. */
  left(): string {
    const elapsed = (performance.now() - this.#startedMs) / 1000;
    const pace = this.#done === 0 ? 1 : elapsed / this.#done;
    return remaining((this.#total - this.#done) * pace);
  }
}

/** `about 12 min left`, `about 40 s left`. */
export function remaining(seconds: number): string {
  if (seconds >= 90) return `about ${String(Math.round(seconds / 60))} min left`;
  return `about ${String(Math.max(1, Math.round(seconds / 5)) * 5)} s left`;
}
