/** What can be told of a gateway's process from outside: what operators see, and what its system says. */
import { readdirSync } from 'node:fs';
import type { Totals } from '../../src/metrics/totals.js';
import type { GatewayProcess } from './gateway-process.js';

/** Connections of a test to the admin address, which its library keeps as it likes. */
export const OF_OUR_OWN = 3;

/** All samples of the gateway's metrics that have no labels. */
export async function figures({ admin }: GatewayProcess): Promise<ReadonlyMap<string, number>> {
  const page = await (await fetch(`http://${admin}/metrics`)).text();
  return new Map([...page.matchAll(/^(\w+) (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]));
}

export async function totals({ admin }: GatewayProcess): Promise<Totals> {
  return (await (await fetch(`http://${admin}/totals`)).json()) as Totals;
}

export const descriptors = ({ pid }: GatewayProcess): number => readdirSync(`/proc/${pid}/fd`).length;

/** The figures of a run, for whoever reads its output. */
export function tell(found: object): void {
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
