import type { Group } from './case.js';
import type { Figure } from './figures.js';

/** In the order of their columns; those that no run of a case has are left out. */
export const COLUMNS: readonly Figure[] = [
  'messagesPerCpuSecond',
  'messagesPerSecond',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'rssMaxBytes',
  'rssPerConnectionBytes',
  'rssGrowth',
  'offeredPerSecond',
  'lateShare',
  'stalledReopened',
  'serverCpuPerSecond',
  'serverCpuSeconds',
  'generatorCpuPerSecond',
  'otherCpuPerSecond',
];

/** Figures that tell something in some groups of cases only: short runs grow anyhow, busy servers use their core. */
const OF_SOME_GROUPS: Readonly<Partial<Record<Figure, readonly Group[]>>> = {
  rssGrowth: ['stalled'],
  serverCpuPerSecond: ['latency', 'planned'],
};

/** Whether a figure is worth a column in the table of a group. */
export function tells(figure: Figure, group: Group): boolean {
  return OF_SOME_GROUPS[figure]?.includes(group) ?? true;
}
