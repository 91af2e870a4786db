/**
 * The stock service, which knows nothing of a gateway:
 *
 *   npx tsx examples/stock/server.ts --port 50061 --metrics-port 9561
 *
 *   --rate N     at most so many quotes a second to each client; default: as fast as the stream takes them
 *   --size N     bytes of a quote's book; default: 16384
 *   --delay S    begins so many seconds later
 *   --host H     listens there; default: 127.0.0.1
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { Counter, Registry } from 'prom-client';
import { serveMetrics } from './metrics-page.js';
import { type GetUpdatesRequest, type Quote, StockService } from './stock-service.js';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '50061' },
    'metrics-port': { type: 'string', default: '9561' },
    rate: { type: 'string', default: '0' },
    size: { type: 'string', default: '16384' },
    delay: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
  },
});
const intervalMs = values.rate === '0' ? 0 : 1_000 / Number(values.rate);
const book = Buffer.alloc(Number(values.size), 'bid ask ');

const registry = new Registry();
const sent = new Counter({
  name: 'stock_updates_sent_total',
  help: 'Quotes given to the stream of a client.',
  labelNames: ['client'],
  registers: [registry],
});

/** A label for each client, as long as they are few. */
const MAX_LABELS = 20;
const labels = new Set<string>();

function labelOf(client: string): string {
  if (labels.size < MAX_LABELS) labels.add(client);
  return labels.has(client) ? client : 'other';
}

/** Resolves when the stream has taken the quote, or will take no more. */
function taken(call: ServerWritableStream<GetUpdatesRequest, Quote>, quote: Quote): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('cancelled', done);
      resolve();
    };
    call.once('cancelled', done);
    call.write(quote, done);
  });
}

async function getUpdates(call: ServerWritableStream<GetUpdatesRequest, Quote>): Promise<void> {
  const client = labelOf(call.request.client);
  const counter = sent.labels(client);
  console.log(`${client}: begun`);
  let price = 100;
  let number = 0;
  const startedMs = performance.now();
  while (!call.cancelled) {
    number += 1;
    price += Math.random() - 0.5;
    counter.inc();
    await taken(call, { number, symbol: 'SLCE', price, book });
    const aheadMs = startedMs + number * intervalMs - performance.now();
    if (intervalMs > 0 && aheadMs > 0) await sleep(aheadMs);
  }
  console.log(`${client}: gone after ${number} quotes`);
}

await sleep(Number(values.delay) * 1_000);
const server = new Server();
server.addService(StockService.service, {
  getUpdates: (call: ServerWritableStream<GetUpdatesRequest, Quote>) => void getUpdates(call),
});
const port = await new Promise<number>((resolve, reject) => {
  const address = `${values.host}:${values.port}`;
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
    if (error) reject(error);
    else resolve(bound);
  });
});
const page = await serveMetrics(registry, values.host, Number(values['metrics-port']));
console.log(`serving on port ${port}, metrics on port ${page.port}`);

await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
server.forceShutdown();
page.server.close();
page.server.closeAllConnections();
