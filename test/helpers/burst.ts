/** A burst of connects from another process, which holds what it has been given until it is told to leave. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { BurstReport } from './burst-client.js';

const program = resolve(import.meta.dirname, 'burst-client.ts');

export class Burst implements AsyncDisposable {
  /** When each of its connections is open, or over. */
  readonly report: Promise<BurstReport>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exit: Promise<unknown>;

  constructor(kind: 'http' | 'grpc' | 'websocket', address: string, times: number) {
    const args = ['--import', 'tsx', program, kind, address, String(times)];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exit = once(this.#child, 'exit');
    this.report = once(createInterface(this.#child.stdout), 'line').then(
      ([line]) => JSON.parse(String(line)) as BurstReport,
    );
  }

  /** All that it holds is closed when this resolves. */
  async leave(): Promise<void> {
    this.#child.stdin.end();
    await this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
