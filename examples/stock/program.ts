/** The stock service, or one of its clients, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ended, takenAlong } from '../kit/child-process.js';

export class Program {
  /** `host:port` of its metrics. */
  readonly metrics: string;
  /** `host:port` of the service; of a client undefined. */
  readonly address: string | undefined;
  /** Of a client: it takes no more quotes. */
  readonly done: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    metrics: string,
    address: string | undefined,
    done: Promise<void>,
  ) {
    this.#child = child;
    this.done = done;
    this.metrics = metrics;
    this.address = address;
  }

  /** Resolves when its page of metrics is there; rejects with what it wrote where it ends before. */
  static async start(script: 'server' | 'client', ...options: readonly string[]): Promise<Program> {
    const file = join(import.meta.dirname, `${script}.ts`);
    const child = takenAlong(
      spawn(process.execPath, ['--import', 'tsx', file, '--metrics-port', '0', ...options], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4_096);
    });
    const lines = createInterface({ input: child.stdout });
    const closed = once(child, 'close');
    const done = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        if (/^\S+: \d+ quotes$/.test(line)) resolve();
      });
      void closed.then(() => resolve());
    });
    return new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const [, port, metricsPort] =
          /^(?:serving on port (\d+),|\S+:) metrics on port (\d+)$/.exec(line) ?? [];
        if (metricsPort === undefined) return;
        const address = port === undefined ? undefined : `127.0.0.1:${port}`;
        resolve(new Program(child, `127.0.0.1:${metricsPort}`, address, done));
      });
      void closed.then(() => {
        reject(new Error(`${script}.ts ended with ${String(child.exitCode)}: ${stderr}`));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#child);
  }
}
