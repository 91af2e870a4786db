/** Quotes sent and received: whether a slow client holds its sender back. */
import type { Dashboard, Panel } from './dashboard.js';

/** What a counter has risen by in the interval of a bar, from 0 where there was none before. `increase` would guess at the edges. */
const risen = (counter: string): string =>
  `sum(${counter}) - (sum(${counter} offset $__interval) or sum(${counter}) * 0)`;

const bars = (client: string, about: string): Panel => ({
  title: `Quotes of the ${client} client`,
  about,
  unit: 'short',
  shape: 'bars',
  width: 12,
  queries: [
    { expr: risen(`stock_updates_sent_total{client="${client}"}`), legend: 'sent' },
    { expr: risen(`stock_updates_received_total{client="${client}"}`), legend: 'received' },
  ],
});

export const stockDashboard: Dashboard = {
  uid: 'stock',
  title: 'Stock updates',
  interval: '5s',
  since: '5m',
  rows: [
    {
      title: 'A bar each 5 s',
      panels: [
        bars('fast', 'What is sent is received.'),
        bars(
          'slow',
          'Sent runs ahead until windows and queues are full; from then on the client sets the pace of the sender.',
        ),
      ],
    },
    {
      title: 'In all',
      panels: [
        {
          title: 'Totals',
          unit: 'short',
          width: 12,
          queries: [
            { expr: 'sum by (client) (stock_updates_sent_total)', legend: 'sent, {{client}}' },
            { expr: 'sum by (client) (stock_updates_received_total)', legend: 'received, {{client}}' },
          ],
        },
        {
          title: 'Sent, and not received yet',
          about: 'What windows and queues hold. It does not grow, however slow the client is.',
          unit: 'short',
          width: 12,
          queries: [
            {
              expr: 'sum by (client) (stock_updates_sent_total) - sum by (client) (stock_updates_received_total)',
              legend: '{{client}}',
            },
          ],
        },
      ],
    },
  ],
};
