import { count } from '../frame/quantities.js';

/** Amounts of messages and times, beside the numbers of frame/quantities.ts. */

/** "1 message", "2 messages" */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${Math.round(n) === 1 ? one : many}`;
}

/** A short time, such as a round trip: 0.42 ms, 13.1 ms, 2.50 s. */
export function latency(ms: number): string {
  return ms < 1000 ? `${threeDigits(ms)} ms` : `${threeDigits(ms / 1000)} s`;
}

/** A time in which something was done: 32 ms, 1.4 s, 12 s, 3 min 5 s, 2 h 10 min. */
export function elapsed(ms: number): string {
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${count(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** So many in so much time, each second. */
export function perSecond(n: number, ms: number): number {
  return ms <= 0 ? 0 : (n / ms) * 1000;
}

function threeDigits(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
