import { constants } from 'node:os';
import { isatty, type WriteStream } from 'node:tty';
import { SystemClock } from '../../core/clock.js';
import { StopSignals } from '../stop-signals.js';
import type { CommandIo, Input, Output } from './command-io.js';
import { OutputGone, Stopped } from './command-error.js';
import { exitCode } from './exit-codes.js';
import { paint, wantsColours, type Paint } from './paint.js';
import { visible } from './text-width.js';

/** Hang-up: the terminal is gone. Nobody reads what is said, but what was begun is still ended properly. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** This process as a command sees it. `dispose` when the command has ended. */
export class ProcessIo implements CommandIo {
  readonly env = process.env;
  readonly clock = new SystemClock();
  readonly version: string;
  readonly stdin = new ProcessInput();
  readonly stdout: Output;
  readonly stderr: Output;
  readonly #stop = new AbortController();
  readonly #stopSignals = new StopSignals(this.clock);
  readonly #restores = new Set<() => void>();

  constructor(version: string) {
    this.version = version;
    this.stdout = new ProcessOutput(1, process.env, (error) => {
      this.#stop.abort(new OutputGone(error, this.stdout));
    });
    // Where even the standard error is gone, the exit code still tells.
    this.stderr = new ProcessOutput(2, process.env, () => undefined);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Signals, and faults that nobody caught, are answered from now on. */
  takeOver(): void {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    const onUncaught = (error: unknown): void => {
      this.#restore();
      this.stderr.write(`${faultLines(error)}\n`);
      process.exit(exitCode('software'));
    };
    process.on('uncaughtException', onUncaught);
    process.on('unhandledRejection', onUncaught);
    this.#release = () => {
      for (const signal of SIGNALS) process.off(signal, this.#onSignal);
      process.off('uncaughtException', onUncaught);
      process.off('unhandledRejection', onUncaught);
    };
  }

  onAbruptEnd(restore: () => void): () => void {
    this.#restores.add(restore);
    return () => {
      this.#restores.delete(restore);
    };
  }

  dispose(): void {
    this.#restore();
    this.#release();
    this.stdin.dispose();
  }

  #release: () => void = () => undefined;

  readonly #onSignal = (signal: StopSignal): void => {
    const code = 128 + constants.signals[signal];
    const decision = this.#stopSignals.on(signal);
    if (decision === 'stop') this.#stop.abort(new Stopped(`stopped by ${signal}`, code));
    if (decision !== 'end') return;
    this.#restore();
    process.exit(code);
  };

  #restore(): void {
    for (const restore of this.#restores) restore();
    this.#restores.clear();
  }
}

/** Where it was thrown, and by what. A message may hold what others have sent. */
function faultLines(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.split('\n').map(visible).join('\n');
}

class ProcessInput implements Input {
  #used = false;

  get isTerminal(): boolean {
    return isatty(0);
  }

  get stream(): NodeJS.ReadStream {
    this.#used = true;
    return process.stdin;
  }

  setRaw(raw: boolean): void {
    if (this.isTerminal) this.stream.setRawMode(raw);
  }

  /** A pipe that stays open would keep the process. */
  dispose(): void {
    if (this.#used) process.stdin.destroy();
  }
}

class ProcessOutput implements Output {
  readonly isTerminal: boolean;
  readonly paint: Paint;
  readonly #fd: 1 | 2;
  readonly #onError: (error: Error) => void;
  #opened: WriteStream | undefined;
  #broken = false;

  constructor(fd: 1 | 2, env: NodeJS.ProcessEnv, onError: (error: Error) => void) {
    this.#fd = fd;
    this.#onError = onError;
    this.isTerminal = isatty(fd);
    this.paint = paint(wantsColours(this.isTerminal, env));
  }

  /** Opened when it is first used: Node opens a pipe without blocking, which a gateway that logs to it would notice. */
  get #stream(): WriteStream {
    this.#opened ??= (this.#fd === 1 ? process.stdout : process.stderr).on('error', this.#onWritten);
    return this.#opened;
  }

  get columns(): number {
    return this.isTerminal ? this.#stream.columns : 80;
  }

  get rows(): number {
    return this.isTerminal ? this.#stream.rows : 24;
  }

  write(data: string | Uint8Array): boolean {
    return this.#broken || this.#stream.write(data, this.#onWritten);
  }

  /** Told by the write that failed, for the event comes a turn later. */
  readonly #onWritten = (error?: Error | null): void => {
    if (!(error instanceof Error) || this.#broken) return;
    this.#broken = true;
    this.#onError(error);
  };

  written(): Promise<void> {
    if (this.#broken || this.#opened === undefined) return Promise.resolve();
    const stream = this.#opened;
    return new Promise((resolve) => {
      stream.write('', () => {
        resolve();
      });
    });
  }

  drained(): Promise<void> {
    if (this.#broken || !this.#stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#stream.off('drain', settle).off('error', settle).off('close', settle);
        resolve();
      };
      this.#stream.on('drain', settle).on('error', settle).on('close', settle);
    });
  }

  onResize(listener: () => void): () => void {
    this.#stream.on('resize', listener);
    return () => {
      this.#stream.off('resize', listener);
    };
  }
}
