/** A backend of examples/backends, as a process of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ExitOf } from './gateway-process.js';

export class ExampleBackend {
  readonly exit: Promise<ExitOf>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #address = '';

  private constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.exit = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        resolve({ code, signal });
      });
    });
  }

  /** Resolves when it says that it serves; rejects when it ends before. */
  static async start(
    command: string,
    args: readonly string[],
    address = '127.0.0.1:0',
  ): Promise<ExampleBackend> {
    const backend = new ExampleBackend(command, [...args, '--address', address]);
    backend.#address = await backend.#serving();
    return backend;
  }

  /** `host:port` */
  get address(): string {
    return this.#address;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }

  async #serving(): Promise<string> {
    let [stdout, stderr] = ['', ''];
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise((resolve, reject) => {
      this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        const [, port] = /serving on port (\d+)\n/.exec(stdout) ?? [];
        if (port !== undefined) resolve(`127.0.0.1:${port}`);
      });
      this.#child.once('error', reject);
      void this.exit.then(({ code }) => {
        reject(new Error(`it ended with ${String(code)} before it served:\n${stderr}`));
      });
    });
  }
}
