import type { Totals } from '../look/answers.js';

/** What passed between two looks. */
export interface Change {
  /** Messages a second. */
  readonly receiveRate: number;
  readonly sendRate: number;
  /** Of one processor, 1 being all of it; undefined at the first look. */
  readonly cpu: number | undefined;
}

/** At the first look, and after a restart, the gateway's own averages. */
export function changeOf(before: Totals | undefined, after: Totals): Change {
  const { gateway } = after;
  const elapsedMs = before === undefined ? 0 : gateway.uptimeMs - before.gateway.uptimeMs;
  if (before?.gateway.startedAt !== gateway.startedAt || elapsedMs <= 0) {
    return { receiveRate: gateway.receiveRate, sendRate: gateway.sendRate, cpu: undefined };
  }
  const perSecond = (from: number, to: number): number => (Math.max(0, to - from) * 1_000) / elapsedMs;
  return {
    receiveRate: perSecond(before.messages.received, after.messages.received),
    sendRate: perSecond(before.messages.sent, after.messages.sent),
    cpu: Math.max(0, gateway.process.cpuMs - before.gateway.process.cpuMs) / elapsedMs,
  };
}
