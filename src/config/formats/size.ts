import type { Format } from './format.js';
import { quantity, type Units } from './quantity.js';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

const UNITS: Units = [
  ['B', 1],
  ['KiB', KIB],
  ['MiB', MIB],
  ['GiB', GIB],
];

export interface SizeOptions {
  readonly minBytes: number;
  readonly maxBytes: number;
  /** What a bare 0 means, where it may be written. */
  readonly zero?: string;
}

/**
 * Read as bytes. Decimal units (KB, MB) are refused: half of their writers
 * mean 1,000 and half 1,024.
 */
export function size(options: SizeOptions): Format<number> {
  return quantity({
    units: UNITS,
    name: 'size',
    examples: '512B, 64KiB, 5MiB or 1GiB',
    min: options.minBytes,
    max: options.maxBytes,
    zero: options.zero,
    unitHint: 'the units are B, KiB, MiB and GiB (powers of 1024)',
  });
}
