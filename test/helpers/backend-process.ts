/** A numbered backend that can be killed, and comes back at the same port. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

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

type Line =
  | { readonly port: number }
  | { readonly session: string; readonly attempt: number; readonly after: number }
  | { readonly session: string; readonly attempt: number; readonly sequence: number; readonly n: number };

export class BackendProcess implements AsyncDisposable {
  /** Of all its lives. */
  readonly streams: StreamRecord[] = [];
  port = 0;
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

  /** Starts, or starts again. */
  async live(): Promise<void> {
    const args = ['--import', 'tsx', 'test/helpers/numbered-backend.ts', String(this.port)];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#closed = once(child, 'close');
    const lines = createInterface({ input: child.stdout });
    await new Promise<void>((ready, fail) => {
      child.once('exit', () => {
        fail(new Error('the backend ended before it was ready'));
      });
      lines.on('line', (text) => {
        const line = JSON.parse(text) as Line;
        if ('port' in line) {
          this.port = line.port;
          ready();
        } else this.#note(line);
      });
    });
  }

  /** SIGKILL; resolves when all that it had said is known. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #note(line: Exclude<Line, { readonly port: number }>): void {
    const { session, attempt } = line;
    if ('after' in line) {
      this.streams.push({ session, attempt, after: line.after, handled: [] });
      return;
    }
    const stream = this.streams.find((each) => each.session === session && each.attempt === attempt);
    if (stream === undefined) throw new Error('a message came before the Open of its stream');
    stream.handled.push({ sequence: line.sequence, n: line.n });
  }
}
