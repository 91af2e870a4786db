import { mebibytes, most, quantile, sum } from '../kit/figures.js';
import type { Report } from '../kit/report.js';
import type { ClientNow, Layer, Measurements } from './measurements.js';

/**
 * Beyond the channel: what HTTP/2's window of 64 KiB has let through, once read and not taken and once not read (at
 * most an event of 50 KB each), and the event that is being written.
 */
const BESIDE_THE_CHANNEL = 3;
/** Of the samples, before the channels are full and the heap has its size. */
const WARM_UP_SHARE = 0.4;
const MEMORY_MARGIN_SHARE = 0.1;
const MEMORY_MARGIN_MIB = 16;

export function proveAll(report: Report, measurements: Measurements): void {
  const { now, latenciesMs, flow } = measurements;
  const limit = now[0]?.limit ?? 0;
  const fullest = most(now.map(({ mostFill }) => mostFill));
  for (const client of now) {
    report.say(
      `${client.name}: ${client.sent} events, ${mebibytes(client.sentBytes).toFixed(0)} MiB; held ${heldOf(client)}`,
    );
  }

  report.prove(
    'a channel never holds more than its limit, and was full',
    fullest === limit,
    `most ${fullest} of ${limit}, by the gateway's own mark`,
  );
  for (const [layer, what] of [
    ['channel', 'by the channel every client was held'],
    ['window', 'by HTTP/2 every client was held'],
    ['write', 'at write every client was held'],
  ] as const) {
    const wasHeld = now.length > 0 && now.every((client) => client[layer].count > 0);
    report.prove(what, wasHeld, totalOf(now, layer));
  }
  const underWay = most(now.map(({ mostUnderWay }) => mostUnderWay));
  report.prove(
    'what is under way is bounded, and so the time to the ack',
    underWay <= limit + BESIDE_THE_CHANNEL,
    `at most ${underWay} events of a client; ack after ${seconds(quantile(latenciesMs, 0.5))} (p50), ` +
      `${seconds(quantile(latenciesMs, 0.99))} (p99), ${seconds(most(latenciesMs))} (max)`,
  );
  const sent = sum(now.map((client) => client.sent));
  const acked = sum(now.map((client) => client.acked));
  const wrong = sum(now.map((client) => client.wrong));
  report.prove(
    'each event is acked once, in order',
    sent > 0 && acked === sent && wrong === 0,
    `${acked} of ${sent}, ${wrong} out of place, ${mebibytes(sum(now.map((client) => client.sentBytes))).toFixed(0)} MiB`,
  );
  report.prove(
    'the gateway lost nothing',
    flow.admitted === sent && flow.delivered === sent && flow.dropped === 0,
    `${flow.admitted} admitted, ${flow.delivered} delivered, ${flow.dropped} dropped`,
  );
  proveMemory(report, measurements);
}

/** Resident memory at its highest, in both halves of what follows the warm-up. */
function proveMemory(report: Report, { samples }: Measurements): void {
  const warm = samples
    .slice(Math.floor(samples.length * WARM_UP_SHARE))
    .map(({ gatewayRssMiB }) => gatewayRssMiB);
  const first = most(warm.slice(0, warm.length / 2));
  const second = most(warm.slice(warm.length / 2));
  report.prove(
    'memory of the gateway stays flat',
    second <= first * (1 + MEMORY_MARGIN_SHARE) + MEMORY_MARGIN_MIB,
    `at most ${first.toFixed(0)} MiB in one half, ${second.toFixed(0)} MiB in the next`,
  );
}

function heldOf(client: ClientNow): string {
  const part = (layer: Layer) => `${seconds(client[layer].ms)} (${client[layer].count}x)`;
  return `by the channel ${part('channel')}, by HTTP/2 ${part('window')}, at write ${part('write')}`;
}

function totalOf(now: readonly ClientNow[], layer: Layer): string {
  const figures = now.map((client) => client[layer]);
  return `${sum(figures.map(({ count }) => count))} times, ${seconds(sum(figures.map(({ ms }) => ms)))} in all`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
