import type { Group } from './case.js';
import type { Figure } from './figures.js';

/** Figures that tell something in one group of cases only: short runs grow anyhow, busy servers use their core. */
const OF_ONE_GROUP: Readonly<Partial<Record<Figure, Group>>> = {
  rssGrowth: 'stalled',
  serverCpuPerSecond: 'latency',
};

/** Whether a figure is worth a column in the table of a group. */
export function tells(figure: Figure, group: Group): boolean {
  const only = OF_ONE_GROUP[figure];
  return only === undefined || only === group;
}
