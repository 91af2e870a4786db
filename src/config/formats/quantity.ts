import { type Format, textual, type Unread, UNREAD } from './format.js';

/** A unit and how many of the smallest one it holds, smallest first. */
export type Units = readonly (readonly [name: string, factor: number])[];

export interface QuantityOptions {
  readonly units: Units;
  readonly name: string;
  /** "500ms, 25s or 2m" */
  readonly examples: string;
  readonly min: number;
  readonly max: number;
  /** What a bare 0 means ("off"), where 0 may be written. */
  readonly zero?: string | undefined;
  /** What to say to a number whose unit is not known. */
  readonly unitHint: string;
}

/** Writes `value` with the largest unit that divides it. */
function printQuantity(value: number, units: Units): string {
  if (value === 0) return '0';
  const [name, factor] = units.findLast(([, each]) => value % each === 0) ?? ['', 1];
  return `${String(value / factor)}${name}`;
}

/** The end of a range for keys that give 0 a meaning of its own. */
export function zeroNote(zero: string | undefined): string {
  return zero === undefined ? '' : `, or 0 (${zero})`;
}

/** Whole numbers with a unit, or a bare 0 where the key gives it a meaning. */
export function quantity(options: QuantityOptions): Format<number> {
  const { units, name, examples, min, max, zero, unitHint } = options;
  const factors = new Map(units);
  const meant = (text: string): Unread => {
    const value = sumOf(text, factors);
    const fits = value !== undefined && value >= min && value <= max;
    return fits ? { hint: `write ${printQuantity(value, units)}` } : UNREAD;
  };
  const range = `${printQuantity(min, units)} to ${printQuantity(max, units)}${zeroNote(zero)}`;
  return textual({
    allowed: `a ${name} such as ${examples}, from ${range}`,
    summary: `${name}, ${range}`,
    print: (value) => (value === 0 ? 0 : printQuantity(value, units)),
    parse(text) {
      if (text === '0') return zero === undefined ? UNREAD : { value: 0 };
      const [, digits, unit] = /^(\d{1,15})([A-Za-z]*)$/.exec(text) ?? [];
      if (digits === undefined || unit === undefined) return meant(text);
      if (unit === '') return { hint: `${text} has no unit` };
      const factor = factors.get(unit);
      if (factor === undefined) return { hint: unitHint };
      const value = Number(digits) * factor;
      if (value === 0 && zero !== undefined) return { value };
      return value >= min && value <= max ? { value } : UNREAD;
    },
  });
}

/** What `1.5s` and `1m30s` come to, for a hint; undefined for anything else and where it is no whole number. */
function sumOf(text: string, factors: ReadonlyMap<string, number>): number | undefined {
  if (!/^(\d{1,9}(\.\d{1,6})?[A-Za-z]+){1,4}$/.test(text)) return undefined;
  let sum = 0;
  for (const [, digits, unit] of text.matchAll(/([\d.]+)([A-Za-z]+)/g)) {
    sum += Number(digits) * (factors.get(unit ?? '') ?? Number.NaN);
  }
  const whole = Math.round(sum);
  return Math.abs(sum - whole) < 1e-6 ? whole : undefined;
}
