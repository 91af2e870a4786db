import { join } from 'node:path';
import { runProcess } from './run-process.js';

const ROOT = join(import.meta.dirname, '../..');

export interface ExampleRun {
  readonly exitCode: number | null;
  /** What it proved, and what did not hold, in its own words without the figure. */
  readonly proved: readonly string[];
  readonly failed: readonly string[];
  /** Where its pictures are. */
  readonly pictures: string;
  /** All that it wrote: to be shown where something fails. */
  readonly output: string;
}

/** Runs an example in its short form, as `npm run example -- NAME --short` does. */
export async function runExample(name: string, timeoutMs = 120_000): Promise<ExampleRun> {
  const args = ['--import', 'tsx', 'examples/run.ts', name, '--short'];
  const { exitCode, stdout, stderr } = await runProcess(process.execPath, args, { cwd: ROOT, timeoutMs });
  const said = (word: string) =>
    [...stdout.matchAll(/^ {2}(yes|NO ) {2}(.*?): /gm)].flatMap(([, holds, what]) =>
      holds === word && what !== undefined ? [what] : [],
    );
  return {
    exitCode,
    proved: said('yes'),
    failed: said('NO '),
    pictures: join(ROOT, '.cache/examples', name),
    output: stdout + stderr,
  };
}
