import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

import { pathOf } from './paths.js';

/** The Go half of the benchmark, as far as it could be built. */
export interface GoTools {
  readonly peer: string | undefined;
  readonly load: string | undefined;
  /** `go version`, where there is one. */
  readonly version: string | undefined;
  /** What the peer was built of: "grpc-go 1.85.0, go1.26.8". */
  readonly runtime: string | undefined;
  /** Why something is missing; one line. */
  readonly reason: string | undefined;
}

/** The first build compiles grpc-go and the protobuf plugins, and may have to download them. */
const BUILD_LIMIT_MS = 10 * 60_000;

const NOTHING = { peer: undefined, load: undefined, version: undefined, runtime: undefined } as const;

const run = promisify(execFile);

/** Generates the Go code of proto/ and builds the peer and the generator into bench/.cache; quick when nothing changed. */
export async function buildGoTools(log: (line: string) => void): Promise<GoTools> {
  const cwd = pathOf('bench');
  const options = { cwd, timeout: BUILD_LIMIT_MS };
  let version: string;
  try {
    version = (await run('go', ['version'], options)).stdout.trim();
  } catch {
    return { ...NOTHING, reason: 'go is not installed' };
  }
  log(`building the Go pieces (${version}); the first time takes a minute or two`);
  await mkdir(pathOf('bench/.cache'), { recursive: true });
  const load = pathOf('bench/.cache/load');
  const peer = pathOf('bench/.cache/go-peer');
  try {
    await run('go', ['build', '-o', load, './load'], options);
  } catch (error) {
    return { ...NOTHING, version, reason: firstLine(error) };
  }
  try {
    const proto = pathOf('proto');
    await run(
      process.execPath,
      [pathOf('node_modules/@bufbuild/buf/bin/buf'), 'generate', proto, '--template', 'buf.gen.yaml'].concat([
        '--path',
        `${proto}/sluice/v1/stream.proto`,
      ]),
      options,
    );
    await run('go', ['build', '-o', peer, './peers/go'], options);
  } catch (error) {
    return { ...NOTHING, load, version, reason: firstLine(error) };
  }
  const builtOf = (await run('go', ['version', '-m', peer], options)).stdout;
  return { peer, load, version, runtime: runtimeOf(builtOf), reason: undefined };
}

/** Of what `go version -m` says: the toolchain behind the file's name, and a line for each module. */
function runtimeOf(builtOf: string): string {
  const toolchain = /: (go\S+)/.exec(builtOf)?.[1] ?? 'Go';
  const grpc = /\bdep\s+google\.golang\.org\/grpc\s+v(\S+)/.exec(builtOf)?.[1] ?? '';
  return `grpc-go ${grpc}, ${toolchain}`;
}

function firstLine(error: unknown): string {
  const stderr = (error as { readonly stderr?: string }).stderr ?? '';
  const text = stderr.trim() === '' ? String(error) : stderr.trim();
  return `the Go pieces do not build: ${text.split('\n', 3).join(' | ')}`;
}
