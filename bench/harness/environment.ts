import { cpus, release, totalmem, type } from 'node:os';

/** What figures depend on; kept beside them. */
export function environment(goVersion: string | undefined): Readonly<Record<string, string | number>> {
  const cores = cpus();
  return {
    node: process.version,
    go: goVersion ?? 'none',
    system: `${type()} ${release()}`,
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
  };
}
