import { readFileSync } from 'node:fs';

/** Linux reports process times in units of 1/100 s on every architecture (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far; undefined where /proc does not tell. */
export function processCpuSeconds(pid: number): number | undefined {
  const stat = read(pid, 'stat');
  // The command's name may hold anything; fields are counted from behind its closing bracket (proc(5)).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND;
}

/** Resident memory of a process (VmRSS); undefined where /proc does not tell, or the process is gone. */
export function residentBytes(pid: number): number | undefined {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status') ?? '')?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
