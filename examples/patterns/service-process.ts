/** The independent services, each a process of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ended, takenAlong } from '../kit/child-process.js';

const ROOT = join(import.meta.dirname, '../..');

export type News = Readonly<Record<string, unknown>>;

export class ServiceProcess {
  /** `host:port`. */
  readonly address: string;
  readonly language: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string, language: string) {
    this.#child = child;
    this.address = address;
    this.language = language;
  }

  /** In TypeScript. `onNews`: what it tells of its calls. */
  static async start(
    name: 'logs' | 'metrics' | 'chat',
    flags: readonly string[] = [],
    onNews: (news: News) => void = () => undefined,
  ): Promise<ServiceProcess> {
    const command = [
      process.execPath,
      '--import',
      'tsx',
      join(import.meta.dirname, 'services/serve.ts'),
      name,
    ];
    return ServiceProcess.#spawned([...command, ...flags], 'TypeScript', onNews);
  }

  /** MetricsService in Python, where there is one with grpcio; else in TypeScript. */
  static async startMetrics(): Promise<ServiceProcess> {
    const python = [join(ROOT, '.cache/venv/bin/python'), 'python3'].find(hasGrpcio);
    if (python === undefined) return ServiceProcess.start('metrics');
    const script = join(import.meta.dirname, 'services/metrics_service.py');
    return ServiceProcess.#spawned([python, script], 'Python', () => undefined);
  }

  static async #spawned(
    [command = '', ...args]: readonly string[],
    language: string,
    onNews: (news: News) => void,
  ): Promise<ServiceProcess> {
    const child = takenAlong(spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] }));
    const address = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const news = JSON.parse(line) as News;
        if ('listening' in news) resolve(String(news['listening']));
        else onNews(news);
      });
      child.once('error', reject).once('close', (code) => {
        reject(new Error(`${command} ${args.join(' ')} ended with ${String(code)}`));
      });
    });
    return new ServiceProcess(child, address, language);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#child);
  }
}

function hasGrpcio(python: string): boolean {
  if (python.startsWith('/') && !existsSync(python)) return false;
  try {
    execFileSync(python, ['-c', 'import grpc; from google.protobuf.message_factory import GetMessageClass'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
