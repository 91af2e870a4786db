/** What a terminal shows while it runs. */
import { most, quantile, sum } from '../kit/figures.js';
import { bar } from '../kit/live-view.js';
import type { ClientNow, Layer, Measurements } from './measurements.js';

const HEAD =
  '           channel of 20               sent   acked   held by: channel       HTTP/2        write';

export function screenOf(measurements: Measurements): readonly string[] {
  const { now } = measurements;
  const last = measurements.samples.at(-1);
  return [
    HEAD,
    ...now.map((client) => {
      const fill = `${bar(client.fill, client.limit)} ${String(client.fill).padStart(2)}`;
      const counts = `${String(client.sent).padStart(6)}  ${String(client.acked).padStart(6)}`;
      return `${client.name.padEnd(10)} ${fill}  ${counts}        ${heldBy(client, 'channel')} ${heldBy(client, 'window')} ${heldBy(client, 'write')}`;
    }),
    '',
    lineOf(measurements),
    last === undefined
      ? ''
      : `the gateway holds ${last.gatewayRssMiB.toFixed(0)} MiB, the clients ${last.clientsRssMiB.toFixed(0)} MiB`,
  ];
}

export function lineOf(measurements: Measurements): string {
  const { now, samples } = measurements;
  const last = samples.at(-1);
  if (last === undefined) return 'the clients connect';
  const recent = samples.slice(-8).flatMap(({ latencyMs }) => latencyMs?.p50 ?? []);
  const { channel, window, write } = last.held;
  return [
    `channels ${last.fills.join(' ')} (most ${most(now.map(({ mostFill }) => mostFill))} of ${now[0]?.limit ?? 0})`,
    `acked ${sum(now.map(({ acked }) => acked))} of ${sum(now.map(({ sent }) => sent))}`,
    `held ${channel.toFixed(0)} % by channel, ${window.toFixed(0)} % HTTP/2, ${write.toFixed(0)} % write`,
    `ack after ${(quantile(recent, 0.5) / 1_000).toFixed(1)} s`,
  ].join(' · ');
}

function heldBy(client: ClientNow, layer: Layer): string {
  const { count, ms } = client[layer];
  return `${String(count).padStart(4)}x ${(ms / 1_000).toFixed(1).padStart(5)} s`;
}
