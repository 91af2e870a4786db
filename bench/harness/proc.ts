import { readFileSync } from 'node:fs';

/** Linux reports process times in units of 1/100 s on every architecture (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far; undefined where /proc does not tell. */
export function processCpuSeconds(pid: number): number | undefined {
  const stat = read(`${String(pid)}/stat`);
  // The command's name may hold anything; fields are counted from behind its closing bracket (proc(5)).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND;
}

/** Resident memory of a process (VmRSS); undefined where /proc does not tell, or the process is gone. */
export function residentBytes(pid: number): number | undefined {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`${String(pid)}/status`) ?? '')?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** What all cores have worked so far, for whomever; undefined where /proc does not tell. */
export function machineCpuSeconds(): number | undefined {
  return busySeconds(read('stat') ?? '');
}

/**
 * Of the text of /proc/stat. Interrupts count as work, and so does what other guests of the host took (steal);
 * waiting for a disk does not. The time of own guests is in that of users already (proc(5)).
 */
export function busySeconds(stat: string): number | undefined {
  const fields = /^cpu +(.+)$/m.exec(stat)?.[1]?.split(' ').map(Number);
  if (fields === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  const ticks = user + nice + system + irq + softirq + steal;
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(`/proc/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
