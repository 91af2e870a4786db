import { cpus, loadavg, release, totalmem, type } from 'node:os';

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
