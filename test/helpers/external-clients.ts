/** Clients that nobody here wrote: `buf curl` (Go, connect-go's gRPC) and Python's grpcio. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { JsonDocuments } from './json-documents.js';
import { runProcess, type RunResult } from './run-process.js';

const root = resolve(import.meta.dirname, '../..');
const buf = join(root, 'node_modules/.bin/buf');
const run = promisify(execFile);
const DEFAULT_TIMEOUT_MS = 60_000;

export interface BufCurlOptions {
  /** `host:port`; with `unixSocket`, only the name the server is called by. */
  readonly address: string;
  /** `StreamData`, or a full `package.Service/Method`. */
  readonly method: string;
  /**
   * One message each, in proto3's JSON form (bytes are base64), sent as they
   * come; the end of them is the half-close. To hold a conversation, await in
   * an async generator what `onMessage` has brought.
   */
  readonly lines: Iterable<object> | AsyncIterable<object>;
  readonly onMessage?: (message: unknown) => void;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the schema comes from: the server itself, or this repository. Default `proto`. */
  readonly schema?: 'reflection' | 'proto';
  readonly unixSocket?: string;
  /** TLS: the file of the CA to trust; plaintext without it. */
  readonly caFile?: string;
  readonly timeoutMs?: number;
}

export interface BufCurlResult {
  readonly messages: readonly unknown[];
  /** The status that ended the call, unless OK; `code` as Connect spells it: `resource_exhausted`. */
  readonly error?: {
    readonly code: string;
    readonly message?: string;
    readonly details?: readonly unknown[];
  };
  readonly run: RunResult;
}

async function* asText(lines: Iterable<object> | AsyncIterable<object>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}

/** One call of any kind through `buf curl`, from its start to its status. */
export async function bufCurl(options: BufCurlOptions): Promise<BufCurlResult> {
  const method = options.method.includes('/') ? options.method : `sluice.v1.StreamService/${options.method}`;
  const scheme = options.caFile === undefined ? 'http' : 'https';
  const args = ['curl', '--protocol', 'grpc', '--data', '@-'];
  args.push(...(options.schema === 'reflection' ? ['--reflect'] : ['--schema', root]));
  args.push(...(options.caFile === undefined ? ['--http2-prior-knowledge'] : ['--cacert', options.caFile]));
  if (options.unixSocket !== undefined) args.push('--unix-socket', options.unixSocket);
  for (const [name, value] of Object.entries(options.headers ?? {})) args.push('-H', `${name}: ${value}`);
  args.push(`${scheme}://${options.address}/${method}`);

  const documents = new JsonDocuments();
  const messages: unknown[] = [];
  const result = await runProcess(buf, args, {
    input: asText(options.lines),
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    onStdout: (text) => {
      for (const message of documents.push(text)) {
        messages.push(message);
        options.onMessage?.(message);
      }
    },
  });
  if (result.exitCode === 0) return { messages, run: result };
  const error = new JsonDocuments().push(result.stderr)[0] as BufCurlResult['error'];
  return { messages, error: error ?? { code: 'unknown', message: result.stderr }, run: result };
}

/** The interpreters to ask, in turn, whether they have what is needed; CI may have made the last one. */
const INTERPRETERS = ['python3', '/usr/bin/python3', join(root, '.cache/venv/bin/python')];
const interpreters = new Map<string, Promise<string | undefined>>();

/** One with grpcio and protobuf, and this module. */
export function findInterpreter(module = 'grpc'): Promise<string | undefined> {
  let found = interpreters.get(module);
  if (found === undefined) interpreters.set(module, (found = askForInterpreter(module)));
  return found;
}

async function askForInterpreter(module: string): Promise<string | undefined> {
  for (const candidate of INTERPRETERS) {
    const found = await run(candidate, ['-c', `import grpc, google.protobuf, ${module}`]).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return undefined;
}

/**
 * Skips the test, visibly, where no Python has grpcio and this module; where CI is set in the
 * environment that is a failure instead, for CI must not pass by testing less.
 */
export async function requirePython(context: TestContext, module?: string): Promise<void> {
  if ((await findInterpreter(module)) !== undefined) return;
  const needs = ['grpcio', 'protobuf', ...(module === undefined ? [] : [module])].join(', ');
  const reason = `no Python with ${needs} (asked: ${INTERPRETERS.join(', ')})`;
  if ((process.env['CI'] ?? '') !== '') throw new Error(reason);
  context.skip(reason);
}

/** What scripts of test/integration/clients/python are told: a FileDescriptorSet of proto/. */
export class PythonStubs {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<PythonStubs> {
    const stubs = new PythonStubs(await mkdtemp(join(tmpdir(), 'sluice-python-')));
    await run(buf, ['build', '--as-file-descriptor-set', '--output', stubs.#descriptors], { cwd: root });
    return stubs;
  }

  /** How to run one, by a Python that has this module: call `requirePython` with it first. */
  async command(
    script: string,
    args: readonly string[],
    module?: string,
  ): Promise<readonly [command: string, args: readonly string[]]> {
    const python = await findInterpreter(module);
    if (python === undefined) throw new Error('no such Python: call requirePython first');
    const path = join(root, 'test/integration/clients/python', script);
    return [python, ['-B', path, '--descriptors', this.#descriptors, ...args]];
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  get #descriptors(): string {
    return join(this.#folder, 'descriptors.binpb');
  }
}

/**
 * Runs a script of test/integration/clients/python with `--descriptors FILE`
 * (a FileDescriptorSet of proto/) before `args`. Its standard output is one
 * JSON object, which is returned. Call `requirePython` first.
 */
export async function pythonClient(
  script: string,
  args: readonly string[],
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<Readonly<Record<string, unknown>>> {
  const stubs = await PythonStubs.make();
  try {
    const [python, all] = await stubs.command(script, args);
    const result = await runProcess(python, all, { timeoutMs });
    if (result.exitCode !== 0) {
      const how = result.timedOut
        ? `took longer than ${timeoutMs} ms`
        : `ended with ${String(result.exitCode)}`;
      throw new Error(`${script} ${how}:\n${result.stderr}`);
    }
    return JSON.parse(result.stdout) as Record<string, unknown>;
  } finally {
    await stubs.remove();
  }
}
