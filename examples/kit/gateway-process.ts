/** The gateway as its users run it: a process of its own, told by a configuration file and by flags. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ended, takenAlong } from './child-process.js';

const ROOT = join(import.meta.dirname, '../..');

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface GatewayOptions {
  /** The configuration file. */
  readonly config: string;
  /** Further flags, such as `--server.listen`. */
  readonly flags?: readonly string[];
  readonly onLog?: (line: LogLine) => void;
}

export class GatewayProcess {
  /** `host:port`, where clients connect. */
  readonly address: string;
  /** `host:port` of its HTTP edge; "" where it has none. */
  readonly edge: string;
  /** `http://host:port` of metrics and health. */
  readonly admin: string;
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: LogLine) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.address = String((ready['grpc'] as readonly string[])[0]);
    this.edge = (ready['edge'] as readonly string[] | undefined)?.[0] ?? '';
    this.admin = `http://${String(ready['admin'])}`;
  }

  /** Resolves when clients may come; rejects with what it wrote where it does not start. */
  static async start({ config, flags = [], onLog }: GatewayOptions): Promise<GatewayProcess> {
    const child = takenAlong(
      spawn(
        process.execPath,
        ['--import', 'tsx', 'src/main.ts', 'serve', '--config', config, '--log.format', 'json', ...flags],
        { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
      ),
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4_096);
    });
    const ready = await new Promise<LogLine>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (text) => {
        if (!text.startsWith('{')) return;
        const line = JSON.parse(text) as LogLine;
        onLog?.(line);
        if (line.msg === 'gateway ready') resolve(line);
      });
      child.once('close', (code) => {
        reject(new Error(`the gateway ended with ${String(code)}: ${stderr}`));
      });
    });
    return new GatewayProcess(child, ready);
  }

  /** The text of its Prometheus metrics. */
  async metrics(): Promise<string> {
    const response = await fetch(`${this.admin}/metrics`);
    return response.text();
  }

  /** What one of its admin paths says, such as `/connections`; docs/admin.md describes them. */
  async look<T>(path: string): Promise<T> {
    const response = await fetch(`${this.admin}${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Drains, and resolves when it is gone. */
  async stop(): Promise<void> {
    await ended(this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
