/** What an example says while it runs, and what it proved at its end. */

interface Proof {
  readonly holds: boolean;
  readonly what: string;
  readonly figure: string;
}

export class Report {
  readonly #startedMs = performance.now();
  readonly #proofs: Proof[] = [];

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  /** One line of progress. */
  say(text: string): void {
    process.stdout.write(`${this.seconds.toFixed(1).padStart(6)} s  ${text}\n`);
  }

  /** What was to be shown, whether it was so, and by which figure. */
  prove(what: string, holds: boolean, figure: string): void {
    this.#proofs.push({ holds, what, figure });
  }

  /** Prints what was proved; the process ends with 1 where something did not hold. */
  end(): void {
    process.stdout.write('\n');
    for (const { holds, what, figure } of this.#proofs) {
      process.stdout.write(`  ${holds ? 'yes' : 'NO '}  ${what}: ${figure}\n`);
    }
    const failed = this.#proofs.filter(({ holds }) => !holds).length;
    const seconds = this.seconds.toFixed(1);
    process.stdout.write(
      failed === 0
        ? `\nall ${this.#proofs.length} hold, after ${seconds} s\n`
        : `\n${failed} of ${this.#proofs.length} do not hold, after ${seconds} s\n`,
    );
    if (failed > 0) process.exitCode = 1;
  }
}
