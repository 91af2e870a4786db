import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
  /** What of the commit makes the servers and the benchmark, as one hash: commits that have it differ in pages only. */
  readonly tree?: string;
  /** Files that make the servers or the benchmark differ from the commit. */
  readonly changed: boolean;
}

/** What a figure may depend on; pages and tests don't move it. */
const MEASURED = [
  'src',
  'bin',
  'proto',
  'bench',
  'package.json',
  'package-lock.json',
  ':(glob)tsconfig*.json',
];

/** Undefined where git is not, or this is no checkout. */
export function source(): Source | undefined {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, {
      cwd: pathOf(''),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    const names = git('ls-files', '-s', '--', ...MEASURED);
    const tree = createHash('sha256').update(names).digest('hex').slice(0, 12);
    return { commit, tree, changed: git('status', '--porcelain', '--', ...MEASURED) !== '' };
  } catch {
    return undefined;
  }
}
