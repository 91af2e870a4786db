import type { Totals } from '../look/answers.js';
import { knownRate } from './known-rate.js';

/** What passed between two looks. */
export interface Change {
  /** Messages a second; undefined where that is not known yet. */
  readonly receiveRate: number | undefined;
  readonly sendRate: number | undefined;
  /** Of one processor, 1 being all of it; undefined at the first look. */
  readonly cpu: number | undefined;
}

/** What passed within less is no rate: two looks may follow each other at once. */
const MIN_ELAPSED_MS = 400;

/** Compares each look with one before it. */
export class ChangeMeter {
  #before: Totals | undefined;
  #change: Change | undefined;

  next(totals: Totals): Change {
    const { gateway } = totals;
    const before = this.#before?.gateway.startedAt === gateway.startedAt ? this.#before : undefined;
    const elapsedMs = gateway.uptimeMs - (before?.gateway.uptimeMs ?? 0);
    if (before !== undefined && this.#change !== undefined && elapsedMs < MIN_ELAPSED_MS) return this.#change;
    this.#before = totals;
    this.#change = before === undefined ? averages(totals) : changeBetween(before, totals, elapsedMs);
    return this.#change;
  }
}

/** At the first look, and after a restart, the gateway's own. */
function averages({ gateway: { receiveRate, sendRate, uptimeMs } }: Totals): Change {
  return {
    receiveRate: knownRate(receiveRate, uptimeMs),
    sendRate: knownRate(sendRate, uptimeMs),
    cpu: undefined,
  };
}

function changeBetween(before: Totals, after: Totals, elapsedMs: number): Change {
  const perSecond = (from: number, to: number): number => (Math.max(0, to - from) * 1_000) / elapsedMs;
  const cpuMs = after.gateway.process.cpuMs - before.gateway.process.cpuMs;
  return {
    receiveRate: perSecond(before.messages.received, after.messages.received),
    sendRate: perSecond(before.messages.sent, after.messages.sent),
    cpu: Math.max(0, cpuMs) / elapsedMs,
  };
}
