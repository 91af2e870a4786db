import type { BenchCase } from './case.js';
import { needOf } from './measure.js';
import type { BenchRecord } from './record.js';
import type { ServerPool } from './server-pool.js';
import { isMissing } from './servers.js';
import { SUBJECTS, type Subject } from './subjects.js';

/** Who takes part, and on what they run. */
export async function runtimesOf(
  cases: readonly BenchCase[],
  pool: ServerPool,
): Promise<BenchRecord['runtimes']> {
  const runtimes: Partial<Record<Subject, string>> = {};
  const runs = cases.flatMap((benchCase) => benchCase.runs);
  for (const { name, title } of SUBJECTS) {
    const first = runs.find(({ subject }) => subject === name);
    const definition = first && (await pool.define({ ...needOf(first), tls: false, routes: false }));
    if (definition === undefined) continue;
    runtimes[name] = isMissing(definition)
      ? `left out: ${definition.reason}`
      : `${title}; ${definition.runtime}`;
  }
  return runtimes;
}
