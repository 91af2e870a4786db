import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface RunOptions {
  /** What goes to its standard input, which is closed at the end; nothing by default. */
  readonly input?: Iterable<string> | AsyncIterable<string>;
  /** Each piece of its standard output, as it comes. */
  readonly onStdout?: (text: string) => void;
  /** After this it is killed, and all it has started. */
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface RunResult {
  /** null when it was killed. */
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; nothing of it is left when this resolves. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  // A process group of its own: a wrapper and the program it wraps end together.
  const { cwd } = options;
  const child = spawn(command, args, { detached: true, cwd, env: { ...process.env, ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    options.onStdout?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let timedOut = false;
  const killAll = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  const timer = setTimeout(() => {
    timedOut = true;
    killAll();
  }, options.timeoutMs);
  const stopFeeding = new AbortController();
  // A program may end without reading all of its input.
  const feeding = pipeline(Readable.from(options.input ?? []), child.stdin, {
    signal: stopFeeding.signal,
  }).catch(() => undefined);
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, timedOut, stdout, stderr };
  } finally {
    clearTimeout(timer);
    stopFeeding.abort();
    killAll();
    await feeding;
  }
}
