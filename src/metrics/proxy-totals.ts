import type { MetricsSources } from './metrics-sources.js';
import type { ProxyFigures, ProxyMethodFigures } from './proxy-figures.js';
import type { TimeHistogram } from './time-histogram.js';

/** What the proxies have passed on, as plain JSON. */
export interface ProxyTotals {
  readonly name: string;
  readonly calls: number;
  readonly heldUpBytes: number;
  readonly heldDownBytes: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly callMs: { readonly mean: number; readonly p50: number; readonly p99: number };
  readonly methods: readonly (Omit<ProxyMethodFigures, 'ended'> & {
    readonly ended: Readonly<Record<string, number>>;
  })[];
}

export function proxyTotals(sources: MetricsSources): readonly ProxyTotals[] {
  return (sources.proxies?.()?.proxies ?? []).map(({ refused, durations, methods, ...levels }) => ({
    ...levels,
    refused: Object.fromEntries(refused),
    callMs: times(durations),
    methods: methods.map((figures) => ({ ...plain(figures), ended: Object.fromEntries(figures.ended) })),
  }));
}

function times(durations: TimeHistogram): ProxyTotals['callMs'] {
  return {
    mean: tenths(durations.meanMs),
    p50: tenths(durations.quantileMs(0.5)),
    p99: tenths(durations.quantileMs(0.99)),
  };
}

function plain({
  method,
  open,
  messagesUp,
  messagesDown,
  bytesUp,
  bytesDown,
  pausesUp,
  pausesDown,
  retries,
}: ProxyMethodFigures): Omit<ProxyMethodFigures, 'ended'> {
  return { method, open, messagesUp, messagesDown, bytesUp, bytesDown, pausesUp, pausesDown, retries };
}

/** All proxies together, for the report line. Statuses and refusals by their names. */
export interface ProxySums {
  readonly calls: number;
  readonly heldBytes: number;
  readonly ended: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  readonly messagesUp: number;
  readonly messagesDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly pauses: number;
  readonly retries: number;
}

/** Undefined where no proxy is configured. */
export function proxySums(sources: MetricsSources): ProxySums | undefined {
  const figures = sources.proxies?.();
  if (figures === undefined) return undefined;
  const { proxies, unknownServices } = figures;
  const methods = proxies.flatMap((proxy) => proxy.methods);
  const refused = added(proxies.map((proxy) => proxy.refused));
  return {
    calls: sumOf(proxies, ({ calls }) => calls),
    heldBytes: sumOf(proxies, ({ heldUpBytes, heldDownBytes }) => heldUpBytes + heldDownBytes),
    ended: added(methods.map(({ ended }) => ended)),
    refused: unknownServices === 0 ? refused : new Map([...refused, ['unknown-service', unknownServices]]),
    messagesUp: sumOf(methods, ({ messagesUp }) => messagesUp),
    messagesDown: sumOf(methods, ({ messagesDown }) => messagesDown),
    bytesUp: sumOf(methods, ({ bytesUp }) => bytesUp),
    bytesDown: sumOf(methods, ({ bytesDown }) => bytesDown),
    pauses: sumOf(methods, ({ pausesUp, pausesDown }) => pausesUp + pausesDown),
    retries: sumOf(methods, ({ retries }) => retries),
  };
}

function sumOf<T extends ProxyFigures | ProxyMethodFigures>(
  all: readonly T[],
  read: (each: T) => number,
): number {
  return all.reduce((sum, each) => sum + read(each), 0);
}

function added(tallies: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const each of tallies) for (const [key, count] of each) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
