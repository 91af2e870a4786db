import { MAX_TIMER_MS } from '../../core/clock.js';
import type { Format } from './format.js';
import { quantity, type Units } from './quantity.js';

const UNITS: Units = [
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
];

/** The longest duration, in whole hours, that one timer of the platform can wait: 596 h, not quite 25 days. */
export const MAX_DURATION_MS = Math.floor(MAX_TIMER_MS / 3_600_000) * 3_600_000;

export interface DurationOptions {
  readonly minMs?: number;
  readonly maxMs?: number;
  /** What a bare 0 means, where it may be written. */
  readonly zero?: string;
}

/** Read as milliseconds. */
export function duration(options: DurationOptions = {}): Format<number> {
  return quantity({
    units: UNITS,
    name: 'duration',
    examples: '500ms, 25s, 2m or 1h',
    min: options.minMs ?? 1,
    max: options.maxMs ?? MAX_DURATION_MS,
    zero: options.zero,
    unitHint: 'the units are ms, s, m and h',
  });
}
