/** The world of a command in this process: what it says is collected, and nothing is a terminal unless asked for. */
import { Readable } from 'node:stream';
import { runCommandLine } from '../../src/cli/command-line.js';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { OutputGone, Stopped } from '../../src/cli/frame/command-error.js';
import type { CommandIo, Output } from '../../src/cli/frame/command-io.js';
import { paint } from '../../src/cli/frame/paint.js';
import { type Clock, SystemClock } from '../../src/core/clock.js';

export interface TestIoOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What stands on the standard input, which ends then; nothing by default. */
  readonly input?: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;
  readonly clock?: Clock;
  /** Both outputs and the input are a terminal of this size. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  readonly colours?: boolean;
}

export class TestOutput implements Output {
  /** All that was written. */
  text = '';
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly paint;
  readonly #waiting = new Set<() => void>();

  constructor({ terminal, colours = false }: TestIoOptions) {
    this.isTerminal = terminal !== undefined;
    this.columns = terminal?.columns ?? 80;
    this.rows = terminal?.rows ?? 24;
    this.paint = paint(colours);
  }

  write(data: string | Uint8Array): boolean {
    this.text += typeof data === 'string' ? data : new TextDecoder().decode(data);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return true;
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  written(): Promise<void> {
    return Promise.resolve();
  }

  onResize(): () => void {
    return () => undefined;
  }

  /** Resolves once all that was written passes. */
  async until(isThere: (text: string) => boolean): Promise<void> {
    while (!isThere(this.text)) await new Promise<void>((wake) => this.#waiting.add(wake));
  }
}

export class TestIo implements CommandIo {
  readonly stdin;
  readonly stdout: TestOutput;
  readonly stderr: TestOutput;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly version = '0.0.0-test';
  /** Whether keys come one by one. */
  raw = false;
  readonly #stop = new AbortController();
  readonly #restores = new Set<() => void>();

  constructor(options: TestIoOptions = {}) {
    this.stdin = {
      isTerminal: options.terminal !== undefined,
      stream: Readable.from(options.input ?? [], { objectMode: false }),
      setRaw: (raw: boolean) => {
        this.raw = raw;
      },
    };
    this.stdout = new TestOutput(options);
    this.stderr = new TestOutput(options);
    this.env = options.env ?? {};
    this.clock = options.clock ?? new SystemClock();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** As the first Ctrl-C does. */
  interrupt(): void {
    this.#stop.abort(new Stopped('stopped by SIGINT', 130));
  }

  /** As when `| head` has seen enough. */
  closePipe(): void {
    const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    this.#stop.abort(new OutputGone(error, this.stdout));
  }

  /** As where the process ends without its command. */
  endAbruptly(): void {
    for (const restore of this.#restores) restore();
  }

  onAbruptEnd(restore: () => void): () => void {
    this.#restores.add(restore);
    return () => {
      this.#restores.delete(restore);
    };
  }

  /** Runs `sluice …` with this; resolves to the exit code. */
  run(argv: readonly string[]): Promise<number> {
    return runCommandLine(argv, COMMANDS, this);
  }
}

/** Runs `sluice …` in this process to its end. */
export async function runSluice(
  argv: readonly string[],
  options: TestIoOptions = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const io = new TestIo(options);
  const code = await io.run(argv);
  return { code, out: io.stdout.text, err: io.stderr.text };
}
