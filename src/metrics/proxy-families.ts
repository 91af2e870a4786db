import { histogramSamples, type MetricFamily, type Sample } from './metric-family.js';
import {
  PROXY_REFUSALS,
  type ProxiesFigures,
  type ProxyFigures,
  type ProxyMethodFigures,
} from './proxy-figures.js';

const CALL_SECONDS = 'sluice_proxy_call_seconds';

/**
 * Calls of other people's services. The label `method` has the methods that a
 * description names, else those that were called, at most 256 of these in all.
 */
export function proxyFamilies(read: () => ProxiesFigures): readonly MetricFamily[] {
  const byProxy = (
    name: string,
    type: MetricFamily['type'],
    help: string,
    samples: (proxy: ProxyFigures) => readonly Sample[],
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: () =>
      read().proxies.flatMap((proxy) =>
        samples(proxy).map((sample) => ({ ...sample, labels: { proxy: proxy.name, ...sample.labels } })),
      ),
  });
  const byMethod = (
    name: string,
    type: MetricFamily['type'],
    help: string,
    samples: (method: ProxyMethodFigures) => readonly Sample[],
  ): MetricFamily =>
    byProxy(name, type, help, ({ methods }) =>
      methods.flatMap((figures) =>
        samples(figures).map((sample) => ({
          ...sample,
          labels: { method: figures.method, ...sample.labels },
        })),
      ),
    );
  return [
    byMethod('sluice_proxy_calls', 'gauge', 'Calls under way.', ({ open }) => [{ value: open }]),
    byMethod('sluice_proxy_calls_total', 'counter', 'Calls that ended, by their gRPC status.', ({ ended }) =>
      // One that appears at 1 hides its first event from `rate`: at least the good ones are there from the start.
      [...new Map([['OK', 0], ...ended])].map(([status, value]) => ({ labels: { status }, value })),
    ),
    byMethod(
      'sluice_proxy_messages_total',
      'counter',
      'Messages passed on: up is from clients, down from backends.',
      ({ messagesUp, messagesDown }) => bothWays(messagesUp, messagesDown),
    ),
    byMethod(
      'sluice_proxy_bytes_total',
      'counter',
      'Bytes of these, with the five in front of each.',
      ({ bytesUp, bytesDown }) => bothWays(bytesUp, bytesDown),
    ),
    byMethod(
      'sluice_proxy_pauses_total',
      'counter',
      'How often one side was stopped because the other did not take: up are clients stopped, down backends.',
      ({ pausesUp, pausesDown }) => bothWays(pausesUp, pausesDown),
    ),
    byProxy(
      'sluice_proxy_held_bytes',
      'gauge',
      'Bytes of calls under way that are held: up for backends, down for clients.',
      ({ heldUpBytes, heldDownBytes }) => bothWays(heldUpBytes, heldDownBytes),
    ),
    byProxy(
      'sluice_proxy_retries_total',
      'counter',
      'Attempts after the first, to make a call.',
      ({ methods }) => [{ value: methods.reduce((sum, { retries }) => sum + retries, 0) }],
    ),
    byProxy('sluice_proxy_refused_total', 'counter', 'Calls that were not let in.', ({ refused }) =>
      [...new Map([...PROXY_REFUSALS.map((reason) => [reason, 0] as const), ...refused])].map(
        ([reason, value]) => ({ labels: { reason }, value }),
      ),
    ),
    byProxy(CALL_SECONDS, 'histogram', 'How long calls took.', ({ name, durations }) =>
      histogramSamples(CALL_SECONDS, durations, { proxy: name }),
    ),
    {
      name: 'sluice_proxy_unknown_services_total',
      type: 'counter',
      help: 'Calls refused because no proxy has their service.',
      samples: () => [{ value: read().unknownServices }],
    },
  ];
}

function bothWays(up: number, down: number): readonly Sample[] {
  return [
    { labels: { direction: 'up' }, value: up },
    { labels: { direction: 'down' }, value: down },
  ];
}
