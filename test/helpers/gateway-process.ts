/** The gateway as users run it: a process of its own, told by arguments, signals and its exit code. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

const root = resolve(import.meta.dirname, '../..');

export interface ExitOf {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** For Node itself, before the program. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The program, from the repository's root. Default: the command itself. */
  readonly program?: string;
  /** The configuration file. Default: config/test.yaml. */
  readonly config?: string;
  /** Default info: what a person would see. */
  readonly logLevel?: string;
}

type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** Runs from source: the build has its own test, and a build in each test run would cost more than this. */
export class GatewayProcess {
  readonly exit: Promise<ExitOf>;
  /** What it logged, parsed; lines that are not JSON are kept as `msg`. */
  readonly log: LogLine[] = [];
  stderr = '';
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #waiting = new Set<() => void>();
  #rest = '';
  #ended = false;

  constructor(args: readonly string[], options: ProcessOptions = {}) {
    const { config = 'config/test.yaml', logLevel = 'info' } = options;
    const base = ['--config', config, '--log.level', logLevel];
    this.#child = spawn(
      process.execPath,
      ['--import', 'tsx', ...(options.nodeArgs ?? []), options.program ?? 'src/main.ts', ...base, ...args],
      { cwd: root, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#read(text);
    });
    this.exit = new Promise((done) => {
      this.#child.once('close', (code, signal) => {
        this.#ended = true;
        done({ code, signal });
        this.#notify();
      });
    });
  }

  /** Started, and ready for clients. */
  static async ready(args: readonly string[] = [], options: ProcessOptions = {}): Promise<GatewayProcess> {
    const started = new GatewayProcess(args, options);
    await started.line('gateway ready');
    return started;
  }

  /** `host:port` of the first gRPC address. */
  get address(): string {
    const grpc = this.log.find((line) => line.msg === 'gateway ready')?.['grpc'] as
      readonly string[] | undefined;
    return grpc?.[0] ?? '';
  }

  /** `host:port` of the HTTP edge, where `edge.enabled` is true. */
  get edge(): string {
    const edge = this.log.find((line) => line.msg === 'gateway ready')?.['edge'] as
      readonly string[] | undefined;
    return edge?.[0] ?? '';
  }

  /** `host:port` of the admin address. */
  get admin(): string {
    return String(this.log.find((line) => line.msg === 'gateway ready')?.['admin']);
  }

  /** The first line of the log with this message; rejects when the process ends without. */
  async line(message: string): Promise<LogLine> {
    for (;;) {
      const found = this.log.find((line) => line.msg === message);
      if (found !== undefined) return found;
      if (this.#ended) throw new Error(`it ended without "${message}":\n${this.stderr}`);
      await new Promise<void>((wake) => this.#waiting.add(wake));
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      try {
        this.log.push(JSON.parse(line) as LogLine);
      } catch {
        this.log.push({ msg: line });
      }
    }
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
