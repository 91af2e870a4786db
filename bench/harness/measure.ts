import { runKey, type Load, type Run } from './case.js';
import type { Figure, Figures } from './figures.js';
import { generateLoad, type Generator, type LoadResult, type Manner, type Target } from './generator.js';
import { MachineMeter } from './machine-meter.js';
import { processCpuSeconds } from './proc.js';
import { RssSampler } from './rss-sampler.js';
import type { ServerNeed, ServerPool } from './server-pool.js';
import type { RunningServer } from './servers.js';
import { subjectNamed } from './subjects.js';

/** What the server of a run has to be. */
export function needOf({ subject, load }: Pick<Run, 'subject' | 'load'>): ServerNeed {
  const routes = load.mode === 'fanout' || load.mode === 'ingest';
  return { server: subjectNamed(subject).server, tls: load.tls, routes };
}

/** What a server does for the first time it has to compile, too. */
export const FIRST_WARMUP = 2;

/** How to measure a run, as its case has it; the first on a server is warmed up twice as long. */
export interface Conditions extends Omit<Manner, 'windowed'> {
  /** On a server of its own. */
  readonly fresh: boolean;
}

/** One run of one subject, its server included; what fails tells of the server, too, which is then replaced. */
export async function measure(
  pool: ServerPool,
  generator: Generator,
  run: Run,
  { fresh, ...times }: Conditions,
): Promise<Figures> {
  const need = needOf(run);
  const server = await (fresh ? pool.startFresh(need) : pool.use(need));
  const { authorityFile } = pool;
  const target: Target = {
    address: server.address,
    pid: server.pid,
    ...(need.tls && authorityFile !== undefined ? { authorityFile } : {}),
  };
  const known = server.served.has(runKey(run));
  server.served.add(runKey(run));
  const manner: Manner = {
    ...times,
    warmupSeconds: times.warmupSeconds * (known ? 1 : FIRST_WARMUP),
    windowed: subjectNamed(run.subject).windowed,
  };
  try {
    return await measureOn(server, target, generator, run.load, manner);
  } catch (error) {
    if (!fresh) await pool.discard(need);
    const said = server.stderr();
    if (said !== '') throw new Error(`${(error as Error).message} | ${said.slice(-300)}`, { cause: error });
    throw error;
  } finally {
    if (fresh) await server.stop();
  }
}

async function measureOn(
  server: RunningServer,
  target: Target,
  generator: Generator,
  load: Load,
  manner: Manner,
): Promise<Figures> {
  const rss = new RssSampler(server.pid);
  const meter = new MachineMeter();
  const watch = {
    begin: () => {
      meter.begin();
      rss.begin();
    },
    end: () => {
      meter.end();
      rss.end();
    },
  };
  const cpuBefore = processCpuSeconds(server.pid);
  const died = server.exited.then((code): never => {
    throw new Error(`the server ended with ${String(code)} under the load`);
  });
  try {
    const result = await generateLoad(generator, target, load, manner, died, watch);
    if (load.mode === 'idle') {
      const cpu = difference(processCpuSeconds(server.pid), cpuBefore);
      const other = meter.otherCores(cpu, result.generatorCpu);
      const figures = idleFigures(result, load, rss);
      return { ...figures, ...defined({ serverCpuSeconds: cpu, otherCpuPerSecond: other }) };
    }
    const other = meter.otherCores(result.serverCpu, result.generatorCpu);
    return { ...loadFigures(result, load, manner, rss), ...defined({ otherCpuPerSecond: other }) };
  } finally {
    rss.stop();
    died.catch(() => undefined);
  }
}

/** @throws Error when a connection was lost: the memory of the rest is no answer. */
function idleFigures(result: LoadResult, { connections }: Load, rss: RssSampler): Figures {
  const memory = rss.figures();
  if (result.connected !== connections) {
    const errors = Object.entries(result.errors ?? {}).map(([error, count]) => `${String(count)} x ${error}`);
    throw new Error(
      [
        `${String(result.connected)} of ${String(connections)} connections answered at the end`,
        ...errors,
      ].join('; '),
    );
  }
  const { rssBeforeBytes, rssMaxBytes } = memory;
  const perConnection =
    rssBeforeBytes === undefined || rssMaxBytes === undefined
      ? undefined
      : (rssMaxBytes - rssBeforeBytes) / connections;
  return { ...memory, ...defined({ rssPerConnectionBytes: perConnection }) };
}

function loadFigures(result: LoadResult, load: Load, manner: Manner, rss: RssSampler): Figures {
  const { messages = 0, seconds, serverCpu, generatorCpu, late } = result;
  if (messages === 0 || seconds === undefined) throw new Error('not one message went through');
  return {
    ...rss.figures(),
    ...defined({
      messagesPerCpuSecond: serverCpu === undefined || serverCpu === 0 ? undefined : messages / serverCpu,
      messagesPerSecond: result.messagesPerSecond ?? messages / seconds,
      // Nothing comes back that a latency could be taken from.
      ...(load.mode === 'ingest' ? {} : { p50Ms: result.p50Ms, p99Ms: result.p99Ms, p999Ms: result.p999Ms }),
      serverCpuPerSecond: serverCpu === undefined ? undefined : serverCpu / seconds,
      generatorCpuPerSecond: generatorCpu === undefined ? undefined : generatorCpu / seconds,
      offeredPerSecond: manner.ratePerSecond,
      lateShare: late === undefined || manner.ratePerSecond === undefined ? undefined : late / messages,
      stalledReopened: load.stalled > 0 ? result.stalledReopened : undefined,
    }),
  };
}

function difference(later: number | undefined, earlier: number | undefined): number | undefined {
  return later === undefined || earlier === undefined ? undefined : later - earlier;
}

function defined(figures: Readonly<Partial<Record<Figure, number | undefined>>>): Figures {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}
