/** Numbers for people. In a terminal at night, what can not be misread counts more than the last digit. */

const KIB = 1_024;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const THOUSANDS = ['', 'k', 'M', 'G', 'T'] as const;
const SPANS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** In the place of a number that nobody has yet. */
export const UNKNOWN = '–';

/** 1,203 */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** 1203, 12.3k, 4.5M: at most five cells, for columns. */
export function shortCount(value: number): string {
  return scaled(value, 1_000, THOUSANDS, 9_999);
}

/** 512 B, 1.5 MiB */
export function bytes(value: number): string {
  return scaled(
    value,
    KIB,
    BYTE_UNITS.map((unit) => ` ${unit}`),
    KIB - 1,
  );
}

/** The two largest units: 3d 4h, 12m 5s, 0s. */
export function span(ms: number): string {
  const parts: string[] = [];
  let left = Math.max(0, ms);
  for (const [unit, factor] of SPANS) {
    const whole = Math.floor(left / factor);
    if (whole === 0 && parts.length === 0) continue;
    parts.push(`${String(whole)}${unit}`);
    left -= whole * factor;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** 0.3 ms, 14 ms, 2.1 s */
export function milliseconds(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms < 10 ? trimmed(ms) : String(Math.round(ms))} ms`;
}

/** 0.3, 14, 8,120: messages a second. */
export function rate(perSecond: number): string {
  return perSecond < 10 ? trimmed(perSecond) : count(perSecond);
}

/** 24% */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '0%' : `${String(Math.floor((100 * part) / whole))}%`;
}

function scaled(value: number, step: number, units: readonly string[], whole: number): string {
  let [scale, index] = [value, 0];
  while (Math.round(scale) > (index === 0 ? whole : step - 1) && index < units.length - 1) {
    scale /= step;
    index += 1;
  }
  const digits = index === 0 || scale >= 99.95 ? String(Math.round(scale)) : scale.toFixed(1);
  return `${digits}${units[index] ?? ''}`;
}

/** One decimal, and none where it is 0. */
function trimmed(value: number): string {
  return String(Math.round(value * 10) / 10);
}
