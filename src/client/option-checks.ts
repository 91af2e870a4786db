import { quoted } from '../core/printable.js';

/** A whole number. @throws RangeError that names the option, its value and what is allowed. */
export function expectWhole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const allowed = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`${name} is ${String(value)}: expected is a whole number ${allowed}`);
}

/** @throws TypeError that names the option and its value, where it is not as `expected` says. */
export function expect(name: string, value: unknown, holds: boolean, expected: string): void {
  if (holds) return;
  const shown = typeof value === 'string' ? quoted(value) : String(value);
  throw new TypeError(`${name} is ${shown}: expected is ${expected}`);
}
