import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What is kept of a child's stderr, to say why it failed. */
const STDERR_TAIL_BYTES = 4096;
const STOP_GRACE_MS = 5_000;

export interface ChildCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const living = new Set<ChildProcess>();

/** Kills, by pid, every child that still runs. For the exit paths that can't wait. */
function killChildren(): void {
  for (const child of living) child.kill('SIGKILL');
}

/** Makes every way out of this process, signals included, end its children. Call once, at start. */
export function killChildrenOnExit(): void {
  process.on('exit', killChildren);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }
}

/** A process of ours whose stdout is read line by line. */
export class Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves with the exit code once the process is gone; a signal counts as 1. */
  readonly exited: Promise<number>;
  readonly #process: ChildProcess;
  #stderr = '';

  constructor(spec: ChildCommand, onLine: (line: string) => void) {
    this.name = spec.name;
    const child = spawn(spec.command, spec.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...spec.env },
    });
    this.#process = child;
    this.pid = child.pid ?? 0;
    living.add(child);
    createInterface({ input: child.stdout }).on('line', onLine);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL_BYTES);
    });
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        living.delete(child);
        this.#stderr += error.message;
        resolve(1);
      });
      child.once('close', (code) => {
        living.delete(child);
        resolve(code ?? 1);
      });
    });
  }

  /** The last of what it wrote to stderr. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  /** SIGKILL; resolves when it is gone. For what has nothing left to do that anyone waits for. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM, then SIGKILL after a grace time; resolves when it is gone. Idempotent. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_GRACE_MS);
    await this.exited;
    clearTimeout(killer);
  }
}

/** `promise`, or an error naming `what` after `limitMs`. */
export async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} took more than ${String(limitMs / 1000)} s`));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
