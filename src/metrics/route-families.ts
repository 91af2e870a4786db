import type { MetricFamily, Sample } from './metric-family.js';
import type { MetricsSources } from './metrics-sources.js';
import {
  BACKEND_HEALTHS,
  type BackendFigures,
  type RouteOptionFigures,
  type TopicFigures,
  type UpstreamFigures,
} from './route-figures.js';

/** What stands around and behind the routes: their options, topics and backends. Labels are names of the configuration, nobody else's. */
export function routeFamilies(sources: MetricsSources): readonly MetricFamily[] {
  return [
    ...optionFamilies(() => sources.routes?.() ?? []),
    ...topicFamilies(() => sources.topics?.() ?? []),
    ...upstreamFamilies(() => sources.upstreams?.() ?? []),
  ];
}

/** A series a route. */
function byRoute<T extends { readonly route: string }>(
  read: () => readonly T[],
  type: MetricFamily['type'],
): (name: string, help: string, value: (figures: T) => number) => MetricFamily {
  return (name, help, value) => ({
    name,
    type,
    help,
    samples: () => read().map((figures) => ({ labels: { route: figures.route }, value: value(figures) })),
  });
}

function optionFamilies(read: () => readonly RouteOptionFigures[]): readonly MetricFamily[] {
  const now = byRoute(read, 'gauge');
  const total = byRoute(read, 'counter');
  return [
    now('sluice_route_sessions', 'Sessions of a route that has a maxSessions.', ({ sessions }) => sessions),
    now('sluice_route_retrying', 'Messages that wait for their next attempt.', ({ retrying }) => retrying),
    total(
      'sluice_route_sessions_refused_total',
      'Sessions refused for maxSessions.',
      ({ sessionsRefused }) => sessionsRefused,
    ),
    total(
      'sluice_route_messages_too_large_total',
      'Messages failed for maxMessageSize.',
      ({ messagesTooLarge }) => messagesTooLarge,
    ),
    total('sluice_route_timeouts_total', 'Attempts that took longer than timeout.', (each) => each.timeouts),
    total('sluice_route_retries_total', 'Attempts after the first.', ({ retries }) => retries),
    total(
      'sluice_route_failed_after_acknowledged_total',
      'Messages that failed after they were acknowledged (acknowledge: received).',
      ({ failedAfterAcknowledged }) => failedAfterAcknowledged,
    ),
    {
      name: 'sluice_route_dead_letters_total',
      type: 'counter',
      help: 'Messages given to the dead letter, by what became of them.',
      samples: () =>
        read().flatMap(({ route, deadLettered, deadLetterFailures }) => [
          { labels: { route, result: 'taken' }, value: deadLettered },
          { labels: { route, result: 'failed' }, value: deadLetterFailures },
        ]),
    },
  ];
}

function topicFamilies(read: () => readonly TopicFigures[]): readonly MetricFamily[] {
  const now = byRoute(read, 'gauge');
  const total = byRoute(read, 'counter');
  return [
    now('sluice_topics', 'Topics that exist now.', ({ topics }) => topics),
    now('sluice_topic_subscribers', 'Subscribers of topics now.', ({ subscribers }) => subscribers),
    now('sluice_topic_history_messages', 'Messages kept as history.', (figures) => figures.historyMessages),
    now('sluice_topic_history_bytes', 'Bytes kept as history.', ({ historyBytes }) => historyBytes),
    now(
      'sluice_topic_idempotency_keys',
      'Idempotency keys remembered.',
      (figures) => figures.idempotencyKeys,
    ),
    now(
      'sluice_topic_waiting_publishes',
      'Publications behind one that a subscriber under block holds.',
      ({ waitingPublishes }) => waitingPublishes,
    ),
    now('sluice_topic_waiting_publish_bytes', 'Bytes of these.', (figures) => figures.waitingPublishBytes),
    now(
      'sluice_topic_queued_messages',
      'Messages behind sends that wait for room, all subscribers.',
      ({ queuedMessages }) => queuedMessages,
    ),
    now('sluice_topic_queued_bytes', 'Bytes of these.', ({ queuedBytes }) => queuedBytes),
    total(
      'sluice_topic_queue_dropped_total',
      'Messages dropped from these queues, by the policy of their subscribers.',
      ({ queueDropped }) => queueDropped,
    ),
    total('sluice_topic_published_total', 'Messages published.', ({ published }) => published),
    total('sluice_topic_published_bytes_total', 'Bytes published.', ({ publishedBytes }) => publishedBytes),
    total(
      'sluice_topic_duplicates_total',
      'Publications that were there already, by their idempotency key.',
      ({ duplicates }) => duplicates,
    ),
    total(
      'sluice_topic_delivered_total',
      'Messages given to subscribers, each counted; their policies may drop them yet.',
      ({ delivered }) => delivered,
    ),
    total('sluice_topic_held_total', 'Publications that a subscriber under block held.', ({ held }) => held),
    total(
      'sluice_topic_too_slow_total',
      'Subscribers ended for holding one for too long.',
      ({ tooSlow }) => tooSlow,
    ),
    {
      name: 'sluice_topic_refused_total',
      type: 'counter',
      help: 'What was refused for a limit of the topics, by what it was.',
      samples: () =>
        read().flatMap(({ route, topicsRefused, subscribersRefused, publishesRefused }) => [
          { labels: { route, what: 'topic' }, value: topicsRefused },
          { labels: { route, what: 'subscriber' }, value: subscribersRefused },
          { labels: { route, what: 'publish' }, value: publishesRefused },
        ]),
    },
  ];
}

function upstreamFamilies(read: () => readonly UpstreamFigures[]): readonly MetricFamily[] {
  const byUpstream = (
    type: MetricFamily['type'],
    name: string,
    help: string,
    value: (figures: UpstreamFigures) => number,
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: () => read().map((figures) => ({ labels: { upstream: figures.name }, value: value(figures) })),
  });
  const byBackend = (
    type: MetricFamily['type'],
    name: string,
    help: string,
    samples: (backend: BackendFigures) => readonly Sample[],
  ): MetricFamily => ({
    name,
    type,
    help,
    samples: () =>
      read().flatMap(({ name: upstream, addresses }) =>
        addresses.flatMap((backend) =>
          samples(backend).map(({ labels, value }) => ({
            labels: { upstream, address: backend.address, ...labels },
            value,
          })),
        ),
      ),
  });
  return [
    byBackend(
      'gauge',
      'sluice_upstream_available',
      '1 while a session may begin at this backend: it is well, its breaker lets it, and it has room.',
      (backend) => [{ value: backend.available ? 1 : 0 }],
    ),
    byBackend(
      'gauge',
      'sluice_upstream_health',
      'What is known of its health: 1 at one of the states.',
      (backend) =>
        BACKEND_HEALTHS.map((health) => ({ labels: { health }, value: backend.health === health ? 1 : 0 })),
    ),
    byBackend(
      'gauge',
      'sluice_upstream_breaker_open',
      '1 while its circuit breaker is open.',
      ({ breaker }) => [{ value: breaker === 'open' ? 1 : 0 }],
    ),
    byBackend('gauge', 'sluice_upstream_sessions', 'Sessions at this backend now.', ({ sessions }) => [
      { value: sessions },
    ]),
    byBackend('counter', 'sluice_upstream_streams_opened_total', 'Streams begun at it.', (backend) => [
      { value: backend.streamsOpened },
    ]),
    byBackend(
      'counter',
      'sluice_upstream_streams_lost_total',
      'Streams that ended otherwise than by the end of the session or as the backend wished.',
      ({ streamsLost }) => [{ value: streamsLost }],
    ),
    byUpstream(
      'gauge',
      'sluice_upstream_waiting_sessions',
      'Sessions without a backend.',
      ({ waiting }) => waiting,
    ),
    byUpstream(
      'counter',
      'sluice_upstream_messages_repeated_total',
      'Messages sent to a backend again, for the one before did not acknowledge them.',
      ({ messagesRepeated }) => messagesRepeated,
    ),
    {
      name: 'sluice_upstream_messages_failed_total',
      type: 'counter',
      help: 'Messages that failed without a backend saying so: none was there, stream after stream ended over them, or those of backends were too large for their client.',
      samples: () =>
        read().flatMap(({ name: upstream, messagesUnavailable, messagesGivenUp, messagesRefused }) => [
          { labels: { upstream, reason: 'unavailable' }, value: messagesUnavailable },
          { labels: { upstream, reason: 'given-up' }, value: messagesGivenUp },
          { labels: { upstream, reason: 'too-large' }, value: messagesRefused },
        ]),
    },
    {
      name: 'sluice_upstream_streams_given_up_total',
      type: 'counter',
      help: 'Streams that the gateway gave up: no ack came, or what came broke the rules.',
      samples: () =>
        read().flatMap(({ name: upstream, ackTimeouts, offences }) => [
          { labels: { upstream, reason: 'ack-timeout' }, value: ackTimeouts },
          { labels: { upstream, reason: 'offence' }, value: offences },
        ]),
    },
  ];
}
