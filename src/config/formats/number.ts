import { type Format, textual, UNREAD } from './format.js';
import { zeroNote } from './quantity.js';

export interface NumberOptions {
  readonly min: number;
  readonly max: number;
  /** What 0 means, where it has a meaning of its own ("off"). */
  readonly zero?: string;
}

/** Decimal digits only: no sign +, exponent, hexadecimal or separators. */
export function integer(options: NumberOptions): Format<number> {
  return numeric('integer', 'an integer', /^-?(0|[1-9]\d{0,15})$/, options);
}

/** Decimal digits with at most one point: no sign +, no exponent. */
export function decimal(options: NumberOptions): Format<number> {
  return numeric('number', 'a number', /^-?(0|[1-9]\d{0,15})(\.\d{1,12})?$/, options);
}

function numeric(
  name: string,
  what: string,
  pattern: RegExp,
  { min, max, zero }: NumberOptions,
): Format<number> {
  const range = `${String(min)} to ${String(max)}${zeroNote(zero)}`;
  return textual({
    allowed: `${what} from ${range}`,
    summary: `${name}, ${range}`,
    print: (value) => value,
    parse(text) {
      const value = pattern.test(text) ? Number(text) : Number.NaN;
      if (value === 0 && zero !== undefined) return { value: 0 };
      return value >= min && value <= max ? { value } : UNREAD;
    },
  });
}
