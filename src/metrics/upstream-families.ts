import type { MetricFamily, Sample } from './metric-family.js';
import type { UpstreamLevels } from './metrics-sources.js';

type Address = UpstreamLevels['addresses'][number];
type Read = () => readonly UpstreamLevels[];

/** The backends behind the gateway, under Prometheus' naming conventions: each upstream of the configuration, each address of it. */
export function upstreamFamilies(read: Read): readonly MetricFamily[] {
  const byAddress = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    value: (address: Address) => number,
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: () =>
      read().flatMap(({ name: upstream, addresses }) =>
        addresses.map((each) => ({ labels: { upstream, address: each.address }, value: value(each) })),
      ),
  });
  const byUpstream = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    samples: (levels: UpstreamLevels) => readonly Sample[],
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: () =>
      read().flatMap((levels) =>
        samples(levels).map(({ value, labels }) => ({ value, labels: { upstream: levels.name, ...labels } })),
      ),
  });
  return [
    byAddress(
      'gauge',
      'sluice_upstream_available',
      'Whether a session may begin at the address now.',
      (each) => (each.available ? 1 : 0),
    ),
    byAddress(
      'gauge',
      'sluice_upstream_breaker_open',
      'Whether the circuit breaker of the address is open, or lets one session try.',
      (each) => (each.breaker === 'closed' ? 0 : 1),
    ),
    byAddress('gauge', 'sluice_upstream_sessions', 'Sessions at the address.', (each) => each.sessions),
    byAddress(
      'counter',
      'sluice_upstream_streams_opened_total',
      'Streams begun at the address.',
      (each) => each.streamsOpened,
    ),
    byAddress(
      'counter',
      'sluice_upstream_streams_lost_total',
      'Streams at the address that failed: their sessions went on elsewhere.',
      (each) => each.streamsLost,
    ),
    byUpstream('gauge', 'sluice_upstream_waiting_sessions', 'Sessions without a backend.', (levels) => [
      { value: levels.waiting },
    ]),
    byUpstream(
      'counter',
      'sluice_upstream_messages_total',
      'Messages that were sent again, failed for want of a backend, were given up after several, or were too large for their client.',
      (levels) => [
        { value: levels.messagesRepeated, labels: { event: 'repeated' } },
        { value: levels.messagesUnavailable, labels: { event: 'unavailable' } },
        { value: levels.messagesGivenUp, labels: { event: 'given_up' } },
        { value: levels.messagesRefused, labels: { event: 'refused' } },
      ],
    ),
    byUpstream(
      'counter',
      'sluice_upstream_streams_given_up_total',
      'Streams that the gateway gave up, by reason.',
      (levels) => [
        { value: levels.ackTimeouts, labels: { reason: 'ack_timeout' } },
        { value: levels.offences, labels: { reason: 'offence' } },
      ],
    ),
  ];
}
