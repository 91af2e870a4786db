/** The gateway's own metrics: docs/metrics.md says what each is, and what to do when it is high. */
import type { Dashboard, Panel, Query, Unit } from './dashboard.js';

/** A metric of the chosen gateways; `labels` as in an expression: `result="failed"`. */
const of = (metric: string, labels = ''): string =>
  `${metric}{${labels === '' ? '' : `${labels},`}job="sluice",instance=~"$instance"}`;

/** A second, by these labels. */
const rate = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(${of(metric, labels)}[$__rate_interval]))`;

const sum = (metric: string, by: string, labels = ''): string => `sum by (${by}) (${of(metric, labels)})`;

const quantile = (q: number, histogram: string, by: string): string =>
  `histogram_quantile(${q}, sum by (le, ${by}) (rate(${of(`${histogram}_bucket`)}[$__rate_interval])))`;

const lines = (title: string, unit: Unit, ...queries: readonly (readonly [string, string])[]): Panel => ({
  title,
  unit,
  queries: queries.map(([expr, legend]): Query => ({ expr, legend })),
});

const figure = (title: string, unit: Unit, expr: string): Panel => ({
  title,
  unit,
  shape: 'figure',
  queries: [{ expr, legend: title }],
});

export const gatewayDashboard: Dashboard = {
  uid: 'sluice',
  title: 'Sluice',
  interval: '5s',
  since: '15m',
  choice: { name: 'instance', query: 'label_values(sluice_build_info, instance)' },
  rows: [
    {
      title: 'Now',
      panels: [
        figure('Gateways', 'short', `sum(${of('up')})`),
        figure('Connections', 'short', `sum(${of('sluice_connections')})`),
        figure('Sessions', 'short', `sum(${of('sluice_sessions')})`),
        figure('Dropped in 10 min', 'short', `sum(increase(${of('sluice_flow_dropped_total')}[10m]))`),
        figure(
          'Slow consumers in 10 min',
          'short',
          `sum(increase(${of('sluice_slow_consumers_total')}[10m]))`,
        ),
        figure('Alerts', 'short', 'count(ALERTS{alertstate="firing"}) or vector(0)'),
      ],
    },
    {
      title: 'Connections',
      panels: [
        lines(
          'Connections',
          'short',
          [of('sluice_connections'), 'connections, {{instance}}'],
          [of('sluice_connections_limit'), 'limit, {{instance}}'],
          [of('sluice_sockets'), 'sockets, {{instance}}'],
        ),
        lines(
          'Come and gone',
          'ops',
          [rate('sluice_connections_accepted_total', 'instance'), 'come, {{instance}}'],
          [rate('sluice_connections_ended_total', 'code'), 'gone, {{code}}'],
        ),
        lines(
          'Turned away',
          'ops',
          [rate('sluice_connections_rejected_total', 'code'), '{{code}}'],
          [rate('sluice_auth_attempts_total', 'method, result', 'result!="ok"'), '{{method}}: {{result}}'],
        ),
      ],
    },
    {
      title: 'Sessions',
      panels: [
        lines(
          'Sessions',
          'short',
          [of('sluice_sessions'), 'sessions, {{instance}}'],
          [of('sluice_sessions_detached'), 'waiting for their client, {{instance}}'],
        ),
        lines(
          'Opened, resumed, closed',
          'ops',
          [rate('sluice_sessions_opened_total', 'instance'), 'opened, {{instance}}'],
          [rate('sluice_sessions_resumed_total', 'instance'), 'resumed, {{instance}}'],
          [rate('sluice_sessions_closed_total', 'instance'), 'closed, {{instance}}'],
        ),
        lines(
          'Lost',
          'ops',
          [rate('sluice_sessions_expired_total', 'instance'), 'expired, {{instance}}'],
          [rate('sluice_sessions_evicted_total', 'instance'), 'evicted, {{instance}}'],
          [rate('sluice_sessions_shed_total', 'instance'), 'shed, {{instance}}'],
          [rate('sluice_sessions_ended_total', 'code'), 'ended, {{code}}'],
        ),
      ],
    },
    {
      title: 'Messages',
      panels: [
        lines(
          'Messages',
          'ops',
          [rate('sluice_messages_received_total', 'instance'), 'received, {{instance}}'],
          [rate('sluice_messages_sent_total', 'instance'), 'sent, {{instance}}'],
        ),
        lines(
          'Bytes',
          'Bps',
          [rate('sluice_received_bytes_total', 'instance'), 'received, {{instance}}'],
          [rate('sluice_sent_bytes_total', 'instance'), 'sent, {{instance}}'],
        ),
        lines('Dropped', 'ops', [
          rate('sluice_flow_dropped_total', 'direction, reason'),
          '{{direction}}, {{reason}}',
        ]),
      ],
    },
    {
      title: 'Queues and backpressure',
      panels: [
        lines(
          'The fullest queue',
          'percentunit',
          [
            `${of('sluice_queue_max_messages')} / ${of('sluice_queue_limit_messages')}`,
            '{{queue}}, {{instance}}',
          ],
          [
            `${of('sluice_session_max_messages')} / ${of('sluice_session_limit_messages')}`,
            'session, {{held}}, {{instance}}',
          ],
        ),
        lines(
          'Waiting',
          'short',
          [sum('sluice_queue_messages', 'queue'), 'queue, {{queue}}'],
          [sum('sluice_flow_pending', 'direction'), 'pending, {{direction}}'],
          [sum('sluice_session_messages', 'held'), 'sessions, {{held}}'],
        ),
        lines(
          'Held in memory',
          'bytes',
          [of('sluice_buffered_bytes'), 'held, {{instance}}'],
          [of('sluice_buffered_limit_bytes'), 'budget, {{instance}}'],
          [of('sluice_in_flight_bytes'), 'in flight, {{instance}}'],
        ),
        lines('Pauses: reads stopped', 'ops', [
          rate('sluice_reads_stopped_total', 'instance'),
          '{{instance}}',
        ]),
        lines(
          'Slow consumers',
          'ops',
          [rate('sluice_slow_consumers_total', 'instance'), 'reset, {{instance}}'],
          [rate('sluice_sessions_ended_total', 'code', 'code="SLOW_CONSUMER"'), 'sessions, {{code}}'],
        ),
        lines('Held by the throttle', 'percentunit', [
          rate('sluice_throttled_seconds_total', 'instance'),
          '{{instance}}',
        ]),
      ],
    },
    {
      title: 'Routes and backends',
      panels: [
        lines(
          'Time of a message in its route',
          's',
          [quantile(0.5, 'sluice_processing_seconds', 'instance'), 'median, {{instance}}'],
          [quantile(0.99, 'sluice_processing_seconds', 'instance'), '99 %, {{instance}}'],
        ),
        lines(
          'Failures',
          'ops',
          [rate('sluice_route_errors_total', 'instance'), 'routes, {{instance}}'],
          [rate('sluice_upstream_streams_lost_total', 'address'), 'streams lost, {{address}}'],
          [rate('sluice_upstream_messages_failed_total', 'upstream, reason'), '{{upstream}}: {{reason}}'],
        ),
        lines(
          'Backends',
          'short',
          [of('sluice_upstream_available'), 'available, {{address}}'],
          [of('sluice_upstream_sessions'), 'sessions, {{address}}'],
          [of('sluice_upstream_waiting_sessions'), 'waiting, {{upstream}}'],
        ),
      ],
    },
    {
      title: 'Proxied calls',
      panels: [
        lines('Calls under way', 'short', [sum('sluice_proxy_calls', 'proxy, method'), '{{method}}']),
        lines(
          'Calls that ended',
          'ops',
          [rate('sluice_proxy_calls_total', 'method, status'), '{{method}}: {{status}}'],
          [rate('sluice_proxy_retries_total', 'proxy'), '{{proxy}}: tried again'],
        ),
        lines(
          'Turned away',
          'ops',
          [rate('sluice_proxy_refused_total', 'proxy, reason'), '{{proxy}}: {{reason}}'],
          [rate('sluice_proxy_unknown_services_total', 'instance'), 'unknown services, {{instance}}'],
        ),
        lines('Messages of calls', 'ops', [
          rate('sluice_proxy_messages_total', 'method, direction'),
          '{{method}}, {{direction}}',
        ]),
        lines('Bytes of calls', 'Bps', [
          rate('sluice_proxy_bytes_total', 'method, direction'),
          '{{method}}, {{direction}}',
        ]),
        lines(
          'How long calls took',
          's',
          [quantile(0.5, 'sluice_proxy_call_seconds', 'proxy'), 'median, {{proxy}}'],
          [quantile(0.99, 'sluice_proxy_call_seconds', 'proxy'), '99 %, {{proxy}}'],
        ),
        {
          ...lines('Pauses', 'ops', [
            rate('sluice_proxy_pauses_total', 'method, direction'),
            '{{method}}, {{direction}}',
          ]),
          about:
            'up: clients were stopped, for their backend did not take; down: backends, for their client did not.',
        },
        lines('Held of calls', 'bytes', [
          sum('sluice_proxy_held_bytes', 'proxy, direction'),
          '{{proxy}}, {{direction}}',
        ]),
      ],
    },
    {
      title: 'The HTTP address and topics',
      panels: [
        {
          ...lines('Connections by what carries them', 'short', [
            sum('sluice_carrier_connections', 'carrier'),
            '{{carrier}}',
          ]),
          about: 'http: event streams.',
        },
        lines(
          'Network connections',
          'short',
          [of('sluice_edge_sockets'), 'now, {{instance}}'],
          [of('sluice_edge_sockets_limit'), 'limit, {{instance}}'],
        ),
        {
          ...lines('Pushes', 'ops', [rate('sluice_pushes_total', 'code'), '{{code}}']),
          about: 'UNKNOWN_SESSION: nobody was here whom the caller may push to. CANCELLED: the caller left.',
        },
        {
          ...lines('Sessions pushed to', 'ops', [rate('sluice_push_sessions_total', 'code'), '{{code}}']),
          about: 'OK: the session has taken it. SLOW_CONSUMER, OVERLOADED: it had no room in time.',
        },
        lines(
          'Messages of topics',
          'ops',
          [rate('sluice_topic_published_total', 'route'), 'published, {{route}}'],
          [rate('sluice_topic_delivered_total', 'route'), 'given to subscribers, {{route}}'],
          [rate('sluice_topic_refused_total', 'route, what'), 'refused, {{route}}: {{what}}'],
        ),
        lines(
          'Topics and publications',
          'short',
          [sum('sluice_topics', 'route'), 'topics, {{route}}'],
          [sum('sluice_topic_subscribers', 'route'), 'subscribers, {{route}}'],
          [of('sluice_publish_calls'), 'calls of Publish, {{instance}}'],
          [of('sluice_pushes'), 'pushes, {{instance}}'],
        ),
      ],
    },
    {
      title: 'Rate limits',
      panels: [
        lines('What they said', 'ops', [
          rate('sluice_rate_limit_total', 'limit, result'),
          '{{limit}}: {{result}}',
        ]),
        {
          ...lines(
            'Held',
            'short',
            [sum('sluice_rate_limit_waiting', 'limit'), '{{limit}}: now'],
            [rate('sluice_rate_limit_delay_seconds_total', 'limit'), '{{limit}}: on average'],
          ),
          about: 'Messages, calls and pushes that wait for their turn.',
        },
        {
          ...lines('Rates in use', 'percentunit', [
            `${of('sluice_rate_limit_keys')} / ${of('sluice_rate_limit_keys_limit')}`,
            '{{limit}}, {{instance}}',
          ]),
          about:
            'Clients, addresses and so on with a rate of their own, of maxKeys. Where all are taken, newcomers share a few.',
        },
      ],
    },
    {
      title: 'The process',
      panels: [
        lines(
          'Memory',
          'bytes',
          [of('process_resident_memory_bytes'), 'all, {{instance}}'],
          [of('nodejs_heap_size_used_bytes'), 'heap, {{instance}}'],
          [of('nodejs_external_memory_bytes'), 'buffers, {{instance}}'],
        ),
        lines(
          'Lateness of the event loop',
          's',
          [of('nodejs_eventloop_lag_p99_seconds'), '99 %, {{instance}}'],
          [of('nodejs_eventloop_lag_max_seconds'), 'longest, {{instance}}'],
        ),
        lines(
          'At work',
          'percentunit',
          [rate('nodejs_eventloop_active_seconds_total', 'instance'), 'event loop, {{instance}}'],
          [rate('process_cpu_seconds_total', 'instance'), 'processor, {{instance}}'],
          [rate('nodejs_gc_duration_seconds_sum', 'instance'), 'garbage collection, {{instance}}'],
        ),
      ],
    },
  ],
};
