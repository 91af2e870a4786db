import { bytes, count, milliseconds, percent } from '../frame/quantities.js';
import type { Readiness, Totals } from './answers.js';

/** What somebody should look at, and how urgent it is. */
export interface Finding {
  readonly level: 'bad' | 'warn';
  readonly text: string;
}

/** So full that the next ones will be refused. */
const NEARLY_FULL = 0.9;
/** Beyond it every message is late: milliseconds at the 99th percentile. */
const LATE_MS = 50;
const VERY_LATE_MS = 250;

/** In words, what `slowBecause` of docs/admin.md says. */
const SLOW_MEANINGS: Readonly<Record<string, string>> = {
  throttled: 'stream.throttle holds what is sent to it',
  client: 'the client does not read fast enough',
  acks: "the client's application does not acknowledge",
  route: 'what handles its messages is slow',
};

/** Everything that is wrong at this moment, the worst first; empty when all is well. */
export function findings({ ready, reasons }: Readiness, totals: Totals): readonly Finding[] {
  const { gateway, bytes: memory } = totals;
  const found: Finding[] = [];
  const add = (level: Finding['level'], text: string): void => void found.push({ level, text });
  if (!ready) add('bad', `not ready: ${reasons.join(', ') || 'no reason is given'}`);
  const { limits } = gateway;
  for (const [name, active, limit] of [
    ['connections', totals.connections.active, limits.connections],
    ['sessions', totals.sessions.active, limits.sessions],
    ['sockets', totals.sockets.active, limits.sockets],
    ['HTTP sockets', totals.sockets.edge, limits.edgeSockets],
  ] as const) {
    if (limit === 0 || active < NEARLY_FULL * limit) continue;
    add(active >= limit ? 'bad' : 'warn', `${name}: ${count(active)} of ${count(limit)} there may be`);
  }
  if (memory.budget > 0 && memory.buffered >= NEARLY_FULL * memory.budget) {
    const full = percent(memory.buffered, memory.budget);
    add(
      'bad',
      `memory.budget is used up to ${full}: ${bytes(memory.buffered)} of ${bytes(memory.budget)} are buffered`,
    );
  }
  const { p99Ms, maxMs } = gateway.process.loopDelay;
  if (p99Ms >= LATE_MS) {
    const level = p99Ms >= VERY_LATE_MS ? 'bad' : 'warn';
    add(
      level,
      `the event loop is late: ${milliseconds(p99Ms)} (p99), ${milliseconds(maxMs)} at most; too much work for this process, or for its machine`,
    );
  }
  for (const { name, addresses, waiting } of totals.upstreams) {
    const away = addresses.filter(({ down }) => down);
    if (away.length === 0) continue;
    const which = away.map(
      ({ address, health, breaker }) => `${address} (${breaker === 'open' ? 'breaker open' : health})`,
    );
    const waits = waiting === 0 ? '' : `; ${count(waiting)} wait for one`;
    add(
      away.length === addresses.length ? 'bad' : 'warn',
      `upstream ${name}: ${count(away.length)} of ${count(addresses.length)} backends ${away.length === 1 ? 'is' : 'are'} away, ${which.join(', ')}${waits}`,
    );
  }
  for (const [reason, number] of Object.entries(gateway.slow).sort(([, a], [, b]) => b - a)) {
    // Whoever asked for a pause is not held up.
    if (reason === 'paused') continue;
    const meaning = SLOW_MEANINGS[reason];
    add('warn', `${count(number)} held up (${reason})${meaning === undefined ? '' : `: ${meaning}`}`);
  }
  return found.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
}
