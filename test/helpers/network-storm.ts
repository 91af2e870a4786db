import type { FaultProxy } from './fault-proxy.js';

/** Faults of a network, one after the other, by seed. */
export interface Storm {
  /** So long, in milliseconds. */
  readonly durationMs: number;
  /** Between two faults, at most. */
  readonly calmMs: number;
  /** The longest silence; longer than two heartbeat intervals makes a client give up. */
  readonly silenceMs: number;
  readonly random: () => number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Torments the network; resolves when it is over, and all is well again. */
export async function storm(
  proxy: FaultProxy,
  { durationMs, calmMs, silenceMs, random }: Storm,
): Promise<void> {
  const between = (least: number, most: number): number => least + random() * (most - least);
  const cut = (kind: Parameters<FaultProxy['cutAll']>[0]) => (): void => {
    proxy.cutAll(kind);
  };
  const silence = (direction: Parameters<FaultProxy['freeze']>[0]) => async (): Promise<void> => {
    proxy.freeze(direction);
    await sleep(between(20, silenceMs * random()));
    // Whoever gave up has left; what it sent last arrives late.
    proxy.thaw();
  };
  const faults: readonly (() => void | Promise<void>)[] = [
    cut('reset'),
    cut('fin'),
    cut('half-open'),
    silence('both'),
    silence('up'),
    silence('down'),
    async () => {
      proxy.refusing = true;
      proxy.cutAll(random() < 0.5 ? 'reset' : 'fin');
      await sleep(between(20, 300));
      proxy.refusing = false;
    },
    () => {
      proxy.carry({ latencyMs: between(1, 30), jitterMs: between(0, 20) }, random() < 0.5 ? 'up' : 'down');
    },
    () => {
      proxy.carry({ bytesPerSecond: between(20_000, 500_000) });
    },
    () => {
      proxy.carry();
    },
  ];
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs) {
    await faults[Math.floor(random() * faults.length)]?.();
    await sleep(between(0, calmMs));
  }
  proxy.carry();
}
