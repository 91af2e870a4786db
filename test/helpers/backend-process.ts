/** A numbered backend that can be killed, and comes back at the same port. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { TemporaryFile } from './temporary-file.js';

const root = resolve(import.meta.dirname, '../..');

/** What a stream has brought to a backend. */
export interface StreamRecord {
  readonly session: string;
  readonly attempt: number;
  /** What its Open said was accepted before. */
  readonly after: number;
  /** Its messages, in the order they were handled. */
  readonly handled: { readonly sequence: number; readonly n: number }[];
}

interface Line {
  readonly session: string;
  readonly attempt: number;
  /** Of its Open; else it is of a message. */
  readonly after?: number;
  readonly sequence: number;
  readonly n: number;
}

export class BackendProcess implements AsyncDisposable {
  port = 0;
  /** What it has handled, over all its lives. */
  readonly #record = new TemporaryFile('');
  #child: ChildProcessByStdio<null, Readable, null> | undefined;
  #closed: Promise<unknown> = Promise.resolve();

  static async start(): Promise<BackendProcess> {
    const backend = new BackendProcess();
    await backend.live();
    return backend;
  }

  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** What it was given, stream by stream. */
  get streams(): readonly StreamRecord[] {
    const streams = new Map<string, StreamRecord>();
    for (const text of readFileSync(this.#record.path, 'utf8').split('\n')) {
      if (text === '') continue;
      const { session, attempt, after, sequence, n } = JSON.parse(text) as Line;
      const key = `${session} ${String(attempt)}`;
      if (after !== undefined) streams.set(key, { session, attempt, after, handled: [] });
      else streams.get(key)?.handled.push({ sequence, n });
    }
    return [...streams.values()];
  }

  /** Starts, or starts again. */
  async live(): Promise<void> {
    const program = 'test/helpers/numbered-backend.ts';
    const args = ['--import', 'tsx', program, String(this.port), this.#record.path];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#closed = once(child, 'close');
    const [port] = (await Promise.race([once(child.stdout, 'data'), this.#closed])) as [
      Buffer | number | null,
    ];
    if (!Buffer.isBuffer(port)) throw new Error('the backend ended before it was ready');
    this.port = Number(port.toString());
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#record[Symbol.dispose]();
  }
}
