/** Programs in Go, built where there is a Go and its modules can be had. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { runProcess } from './run-process.js';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const DOWNLOAD_LIMIT_MS = 3 * 60_000;
/** The first build compiles grpc-go and the plugins that make the stubs. */
const BUILD_LIMIT_MS = 8 * 60_000;
const RUN_LIMIT_MS = 60_000;

export interface GoExample {
  /** Skips the test, by name and with the reason, where there is no Go, or its modules can't be fetched. */
  require(context: TestContext): void;
  /** Where it is, once built. */
  readonly binary: string;
  /** What gofmt and go vet have to say: nothing. */
  remarks(): Promise<string>;
  /** Runs it; its standard output is one JSON object, which is returned. */
  run(args: readonly string[]): Promise<unknown>;
}

/** Why Go programs can't be built here; undefined where they can. */
async function obstacle(cwd: string): Promise<string | undefined> {
  const failed = async (timeout: number, ...args: readonly string[]): Promise<boolean> =>
    run('go', args, { cwd, timeout }).then(
      () => false,
      () => true,
    );
  if (await failed(DOWNLOAD_LIMIT_MS, 'version')) return 'no Go that is new enough for go.mod';
  if (await failed(DOWNLOAD_LIMIT_MS, 'mod', 'download'))
    return 'the Go modules of grpc-go can not be fetched';
  return undefined;
}

/** Makes its stubs by `go generate`, then builds the program. Rejects where the fault is the program's own. */
export async function buildGoExample(folder: string): Promise<GoExample> {
  const cwd = join(root, folder);
  const options = { cwd, timeout: BUILD_LIMIT_MS };
  const binary = join(root, '.cache', folder.replaceAll('/', '-'));
  const reason = await obstacle(cwd);
  if (reason === undefined) {
    await mkdir(join(root, '.cache'), { recursive: true });
    await run('go', ['generate', './...'], options);
    await run('go', ['build', '-o', binary, '.'], options);
  }
  return {
    binary,
    require(context) {
      if (reason !== undefined) context.skip(reason);
    },
    async remarks() {
      const gofmt = await run('gofmt', ['-l', '.'], options);
      const vet = await runProcess('go', ['vet', './...'], { cwd, timeoutMs: BUILD_LIMIT_MS });
      return gofmt.stdout + vet.stderr;
    },
    async run(args) {
      const result = await runProcess(binary, args, { timeoutMs: RUN_LIMIT_MS });
      if (result.exitCode === 0) return JSON.parse(result.stdout) as unknown;
      const how = result.timedOut ? `took longer than ${RUN_LIMIT_MS} ms` : 'failed';
      throw new Error(`${folder} ${how}:\n${result.stderr}`);
    },
  };
}
