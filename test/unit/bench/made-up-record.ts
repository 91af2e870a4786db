import type { Round } from '../../../bench/harness/bars.js';
import { runKey, type BenchCase } from '../../../bench/harness/case.js';
import { CASES } from '../../../bench/harness/cases.js';
import type { Figures } from '../../../bench/harness/figures.js';
import { judgeAll, recordCase, type BenchRecord } from '../../../bench/harness/record.js';

const MIB = 1024 * 1024;

const PER_CPU = { sluice: 360_000, 'sluice-simple': 410_000, go: 220_000, plain: 90_000, http2: 600_000 };

/** Figures as a run could have told them: each round a little more than the one before. */
export function madeUpRounds(benchCase: BenchCase, count: number): Round[] {
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(benchCase.runs.map((run) => [runKey(run), figures(run, 1 + index / 20)])),
  );
}

function figures({ subject, load }: BenchCase['runs'][number], factor: number): Figures {
  const memory = {
    rssBeforeBytes: 60 * MIB,
    rssMaxBytes: 200 * MIB * factor,
    rssGrowth: factor,
  };
  if (load.mode === 'idle') {
    return { ...memory, rssPerConnectionBytes: 30 * 1024 * factor, serverCpuSeconds: 2.5 * factor };
  }
  const rate = (PER_CPU[subject] * load.batch * factor) / (1 + load.payloadBytes / 8192);
  return {
    ...memory,
    messagesPerCpuSecond: rate,
    messagesPerSecond: rate * 0.8,
    ...(load.mode === 'ingest' ? {} : { p50Ms: 0.8 * factor, p99Ms: 3.1 * factor, p999Ms: 12.5 * factor }),
    serverCpuPerSecond: 0.9,
    otherCpuPerSecond: 0.02,
    generatorCpuPerSecond: 0.8,
    ...(load.stalled > 0 ? { stalledReopened: 3 } : {}),
    ...(load.rateShare > 0 ? { offeredPerSecond: 62_468.8 * load.rateShare, lateShare: 0.001 } : {}),
  };
}

/** A record of all cases as a run could have written it. */
export function madeUpRecord(): BenchRecord {
  const cases = CASES.map((benchCase) => recordCase(benchCase, madeUpRounds(benchCase, 3)));
  return {
    format: 1,
    stamp: '2026-01-02T03:04:05.678Z',
    command: 'npm run bench',
    quick: false,
    rounds: 3,
    minutes: 28.123456,
    machine: {
      cpu: 'A processor',
      cores: 2,
      memoryBytes: 8 * 1024 * MIB,
      system: 'Linux 6.1',
      node: 'v22.0.0',
      go: 'go1.26 linux/amd64',
      loadBefore: 0.123456,
    },
    source: { commit: '0123456789ab', changed: false },
    rest: { runs: 300, repeated: 12, disturbed: 3 },
    generator: 'Go, grpc-go',
    runtimes: { sluice: 'Sluice; node 22.0.0', go: "the Go original's architecture; grpc-go 1.85" },
    cases,
    failures: [],
    omissions: [{ case: 'unary', run: 'go, unary', message: 'no Go' }],
    bars: judgeAll(cases),
  };
}
