/** A real Prometheus, as a process of its own on loopback, that keeps what it scrapes in a temporary folder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fillTemplate } from '../../deploy/fill-template.js';
import { ended, takenAlong } from './child-process.js';
import { TemporaryFolder } from './temporary-folder.js';

const ROOT = join(import.meta.dirname, '../..');
const CONFIG = join(ROOT, 'deploy/prometheus/prometheus.yml');
const RULES = join(ROOT, 'deploy/prometheus/rules.yml');
/** Where .ci/run unpacks Debian's package: nothing is installed, no service is started. */
const UNPACKED = join(ROOT, '.cache/prometheus/usr/bin');

export interface PrometheusOptions {
  /** `host:port` of the gateways' admin addresses. */
  readonly gateways: readonly string[];
  /** `host:port` of the stock service and of its clients. */
  readonly stock?: readonly string[];
  /** Whole seconds between two scrapes. Default: 1. */
  readonly intervalSeconds?: number;
}

/** One series of an answer. */
export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Unix seconds, and the value. */
  readonly points: readonly (readonly [atSeconds: number, value: number])[];
}

interface ApiAnswer {
  readonly status: 'success' | 'error';
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

/** `prometheus` or `promtool`, of the PATH or as .ci/run unpacks it; undefined where there is none. */
export function prometheusTool(name: 'prometheus' | 'promtool'): string | undefined {
  return [name, join(UNPACKED, name)].find((command) => spawnSync(command, ['--version']).status === 0);
}

export class Prometheus {
  /** `http://host:port` */
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: TemporaryFolder;

  private constructor(child: ChildProcess, folder: TemporaryFolder, url: string) {
    this.#child = child;
    this.#folder = folder;
    this.url = url;
  }

  /** Resolves when it answers; undefined where there is no Prometheus on this machine. */
  static async start({
    gateways,
    stock = [],
    intervalSeconds = 1,
  }: PrometheusOptions): Promise<Prometheus | undefined> {
    const command = prometheusTool('prometheus');
    if (command === undefined) return undefined;
    const folder = new TemporaryFolder('prometheus-');
    const config = join(folder.path, 'prometheus.yml');
    writeFileSync(
      config,
      fillTemplate(readFileSync(CONFIG, 'utf8'), {
        SCRAPE_INTERVAL: `${intervalSeconds}s`,
        RULES_FILE: RULES,
        GATEWAY_TARGETS: JSON.stringify(gateways),
        STOCK_TARGETS: JSON.stringify(stock),
      }),
    );
    const child = takenAlong(
      spawn(
        command,
        [
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder.path, 'data')}`,
          '--web.listen-address=127.0.0.1:0',
          '--log.format=json',
        ],
        { cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'] },
      ),
    );
    try {
      const prometheus = new Prometheus(child, folder, await listening(child));
      await prometheus.#answering();
      return prometheus;
    } catch (error) {
      await ended(child);
      folder[Symbol.dispose]();
      throw error;
    }
  }

  /** What the expression is now. */
  async query(expression: string): Promise<readonly PrometheusSeries[]> {
    return this.#ask('query', { query: expression });
  }

  /** What it was at each step from `start` to `end`, all in Unix seconds. */
  async range(
    expression: string,
    start: number,
    end: number,
    stepSeconds: number,
  ): Promise<readonly PrometheusSeries[]> {
    return this.#ask('query_range', {
      query: expression,
      start: String(start),
      end: String(end),
      step: String(stepSeconds),
    });
  }

  async stop(): Promise<void> {
    await ended(this.#child);
    this.#folder[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ask(path: string, parameters: Record<string, string>): Promise<readonly PrometheusSeries[]> {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
    });
    const answer = (await response.json()) as ApiAnswer;
    if (answer.status === 'error') throw new Error(`${parameters['query'] ?? ''}: ${answer.error ?? ''}`);
    return answer.data.result.map(({ metric, value, values = value === undefined ? [] : [value] }) => ({
      labels: metric,
      points: values.map(([at, text]) => [at, Number(text)] as const),
    }));
  }

  /** It listens before it has read its storage. */
  async #answering(): Promise<void> {
    for (;;) {
      const { status } = await fetch(`${this.url}/-/ready`);
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Its URL, from the line of its log that names the port. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let last = '';
    createInterface({ input: child.stderr! }).on('line', (line) => {
      last = line;
      const { msg, address } = JSON.parse(line) as { readonly msg?: string; readonly address?: string };
      if (msg === 'Listening on' && address !== undefined) resolve(`http://${address}`);
    });
    child.once('close', (code) => {
      reject(new Error(`prometheus ended with ${String(code)}: ${last}`));
    });
  });
}
