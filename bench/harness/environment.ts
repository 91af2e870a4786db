import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

import { pathOf } from './paths.js';

/** What figures depend on; kept beside them. Nothing of it tells whose machine it was. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** `go version`, or `none`. */
  readonly go: string;
  /** How many processes wanted a core in the minute before it began: what else went on. */
  readonly loadBefore: number;
}

export function machine(goVersion: string | undefined): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
    // The kernel's own number; what a distributor hangs on it is nobody's business.
    system: `${type()} ${/^[\d.]*\d/.exec(release())?.[0] ?? ''}`.trim(),
    node: process.version,
    go: goVersion?.replace(/^go version /, '') ?? 'none',
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** What was measured, as git tells. */
export interface Source {
  readonly commit: string;
  /** Files that make the servers or the benchmark differ from the commit. */
  readonly changed: boolean;
}

/** What makes the servers and their load. */
const SERVERS = [
  'src',
  'bin',
  'proto',
  'bench/peers',
  'bench/load',
  'bench/go.mod',
  'bench/go.sum',
  'package.json',
  'package-lock.json',
  ':(glob)tsconfig*.json',
];
/** What a figure may depend on; pages and tests don't move it. */
const MEASURED = [...SERVERS, 'bench'];

function git(...args: readonly string[]): string {
  return execFileSync('git', args, {
    cwd: pathOf(''),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

/** Undefined where git is not, or this is no checkout. */
export function source(): Source | undefined {
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return { commit, changed: git('status', '--porcelain', '--', ...MEASURED) !== '' };
  } catch {
    return undefined;
  }
}

/** Whether two commits have the same servers under the same generator: false, too, where git can't tell. */
export function haveSameServers(one: Source | undefined, other: Source | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  try {
    git('diff', '--quiet', one.commit, other.commit, '--', ...SERVERS);
    return true;
  } catch {
    return false;
  }
}
