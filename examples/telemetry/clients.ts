/** All clients, as a process of their own: `clients.ts ADDRESS COUNT`. It tells its parent how they are four times a second. */
import { TelemetryClient } from './client.js';
import type { ClientFigures } from './client.js';

const LOOK_MS = 250;

/** What the parent is told; `isLast`: everything is acked, and nobody has left yet. */
export interface ClientsLook {
  readonly clients: readonly ClientFigures[];
  readonly rssBytes: number;
  readonly isLast: boolean;
}

const [, , address = '', count = ''] = process.argv;
const clients = Array.from(
  { length: Number(count) },
  (_, n) => new TelemetryClient(address, `client ${n + 1}`),
);

function tell(isLast: boolean): void {
  const look: ClientsLook = {
    clients: clients.map((client) => client.look()),
    rssBytes: process.memoryUsage.rss(),
    isLast,
  };
  process.send?.(look);
}

const timer = setInterval(tell, LOOK_MS, false);
process.on('message', (word) => {
  if (word === 'stop') for (const client of clients) client.stop();
  if (word === 'leave')
    void Promise.all(clients.map((client) => client.close())).then(() => {
      process.disconnect();
    });
});
await Promise.all(clients.map((client) => client.run()));
clearInterval(timer);
tell(true);
