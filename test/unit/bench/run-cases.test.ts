import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BenchCase } from '../../../bench/harness/case.js';
import { CASES } from '../../../bench/harness/cases.js';
import type { Generator } from '../../../bench/harness/generator.js';
import * as proc from '../../../bench/harness/proc.js';
import { restOf } from '../../../bench/harness/record.js';
import { runCases, type Measured } from '../../../bench/harness/run-cases.js';
import type { ServerPool } from '../../../bench/harness/server-pool.js';

vi.mock('../../../bench/harness/proc.js', () => ({
  processCpuSeconds: () => undefined,
  residentBytes: () => 1_000,
  machineCpuSeconds: vi.fn(),
}));

const echo = CASES.find(({ name }) => name === 'echo-20x256b')!;
const result = { event: 'result', messages: 10, seconds: 1, serverCpu: 0.5, generatorCpu: 0.5 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.mocked(proc.machineCpuSeconds).mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** A generator that does `first` the first time it is called, and has a result ever after. */
function generator(first = ''): Generator {
  const script = `
    const { existsSync, writeFileSync } = require('node:fs');
    const mark = ${JSON.stringify(join(folder, 'called'))};
    const isFirst = !existsSync(mark);
    writeFileSync(mark, '');
    console.log('a stray line');
    if (isFirst) { ${first} }
    console.log('{"event":"measuring"}\\n{"event":"measured"}\\n${JSON.stringify(result)}');`;
  return { kind: 'go', title: 'a script', command: process.execPath, args: ['-e', script, '--'] };
}

interface Play {
  readonly quick?: boolean;
  readonly benchCase?: BenchCase;
  /** Instead of a pool where all goes well. */
  readonly pool?: Partial<ServerPool>;
}

const onlyGo = (benchCase: BenchCase): BenchCase => ({
  ...benchCase,
  warmupSeconds: 0,
  runs: benchCase.runs.filter(({ subject }) => subject === 'go'),
});

async function play(
  rounds: number,
  generates: Generator,
  { quick = false, benchCase = echo, pool: given = {} }: Play = {},
): Promise<Measured> {
  const server = {
    address: '127.0.0.1:1',
    pid: process.pid,
    exited: new Promise<number>(() => undefined),
    stderr: () => '',
    served: new Set<string>(),
  };
  const pool = {
    define: async () => ({ name: 'go', runtime: '', command: '', args: [] }),
    use: async () => server,
    discard: async () => undefined,
    stopAll: async () => undefined,
    ...given,
  };
  const plan = { cases: [onlyGo(benchCase)], rounds, quick };
  return runCases(plan, pool as unknown as ServerPool, generates, async () => undefined);
}

describe('a run that fails', () => {
  it('is told with its round, and tried again in the next', async () => {
    const measured = await play(3, generator("console.log('no event'); process.exit(1);"));
    expect(measured.failures).toMatchObject([{ run: 'go', round: 1 }]);
    expect(measured.cases[0]!.runs[0]!.figures.messagesPerCpuSecond).toMatchObject({ median: 20, count: 2 });
  });

  it('loses its case alone when it fails before its first run', async () => {
    const define = vi.fn(() => Promise.reject(new Error('no certificate')));
    const measured = await play(2, generator(), { pool: { define } });
    expect(measured.failures).toMatchObject([{ case: echo.name, message: 'no certificate' }]);
    expect(measured.cases).toMatchObject([{ name: echo.name, runs: [] }]);
  });

  const latency = CASES.find(({ name }) => name === 'latency')!;

  it('loses nothing where one of those that find the rate of an open loop has failed', async () => {
    const fails = "console.log('no event'); process.exit(1);";
    const measured = await play(1, generator(fails), { benchCase: latency });
    expect(measured.failures).toMatchObject([{ run: 'plain, to find the rate' }]);
    const [quarter, half] = measured.cases[0]!.runs.map(
      ({ figures }) => figures.offeredPerSecond?.median ?? 0,
    );
    expect(half).toBeGreaterThan(0);
    expect(half).toBe(2 * quarter!);
  });

  it('finds the rate in the figure that its case names', async () => {
    const planned = { ...CASES.find(({ name }) => name === 'planned')! };
    const runs = planned.runs.map((run) => ({ ...run, subject: 'go' as const }));
    const measured = await play(1, generator(), { benchCase: { ...planned, runs } });
    // 10 messages in half a second of the server's time.
    const rates = measured.cases[0]!.runs.map(({ figures }) => figures.offeredPerSecond?.median);
    expect(rates).toEqual([0.3 * 20, 0.6 * 20]);
  });

  it('is left out for good where the generator does not know its load', async () => {
    const cannot = 'console.log(\'{"event":"error","message":"not here","cannot":true}\'); process.exit(1);';
    const measured = await play(2, generator(cannot));
    expect(measured.failures).toEqual([]);
    expect(measured.omissions).toEqual([{ case: echo.name, run: 'go', message: 'not here' }]);
    expect(measured.cases[0]!.runs).toEqual([]);
  });
});

describe('a machine that works for others, too', () => {
  /** Seconds that its cores have worked: a thousand more in each of the first `disturbed` measured intervals. */
  function busyFor(disturbed: number): void {
    let readings = 0;
    // Three a run: as the meter is made, and at both ends of the interval.
    vi.mocked(proc.machineCpuSeconds).mockImplementation(() => {
      const run = Math.floor(readings / 3);
      const isEnd = readings % 3 === 2;
      readings += 1;
      return isEnd && run < disturbed ? 1_000 : 0;
    });
  }

  it('has the run measured once more', async () => {
    busyFor(1);
    const measured = await play(2, generator());
    expect(restOf(measured.cases)).toEqual({ runs: 2, repeated: 1, disturbed: 0 });
  });

  it('and has it counted when that was disturbed, too', async () => {
    busyFor(2);
    const measured = await play(2, generator());
    expect(restOf(measured.cases)).toEqual({ runs: 2, repeated: 1, disturbed: 1 });
    expect(measured.cases[0]!.runs[0]!.figures.messagesPerCpuSecond?.count).toBe(2);
  });

  it('has no more than a fifth of all runs repeated', async () => {
    busyFor(Infinity);
    const measured = await play(10, generator());
    expect(restOf(measured.cases)).toEqual({ runs: 10, repeated: 2, disturbed: 10 });
  });

  it('is no reason to repeat a quick run', async () => {
    busyFor(1);
    expect(restOf((await play(1, generator(), { quick: true })).cases)).toEqual({
      runs: 1,
      repeated: 0,
      disturbed: 1,
    });
  });
});
