/**
 * A client of the stock service, through a gateway or not:
 *
 *   npx tsx examples/stock/client.ts --address 127.0.0.1:50051 --name slow --slow
 *
 *   --slow            takes 1 to 3 seconds, at random, for each quote
 *   --name N          its label; default: fast, or slow
 *   --delay S         begins so many seconds later
 *   --seconds S       takes quotes for so many; its metrics stay until a signal, so that the last of them are scraped, too
 *   --metrics-port P  default: 9562
 *   --host H          serves its metrics there; default: 127.0.0.1
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { Counter, Registry } from 'prom-client';
import { serveMetrics } from './metrics-page.js';
import { type StockClient, StockService } from './stock-service.js';

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '127.0.0.1:50051' },
    slow: { type: 'boolean', default: false },
    name: { type: 'string' },
    delay: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '0' },
    'metrics-port': { type: 'string', default: '9562' },
    host: { type: 'string', default: '127.0.0.1' },
  },
});
const name = values.name ?? (values.slow ? 'slow' : 'fast');

const registry = new Registry();
const received = new Counter({
  name: 'stock_updates_received_total',
  help: 'Quotes that the client has taken.',
  labelNames: ['client'],
  registers: [registry],
}).labels(name);
received.inc(0);

const leaving = new AbortController();
const signalled = new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
});
void signalled.then(() => leaving.abort());

/** Resolves early where the client leaves. */
async function passed(seconds: number): Promise<void> {
  await sleep(seconds * 1_000, undefined, { signal: leaving.signal }).catch(() => undefined);
}

async function takeQuotes(client: StockClient): Promise<number> {
  const call = client.getUpdates({ client: name });
  leaving.signal.addEventListener('abort', () => call.cancel());
  let count = 0;
  try {
    for await (const _quote of call) {
      received.inc();
      count += 1;
      if (values.slow) await passed(1 + 2 * Math.random());
      if (leaving.signal.aborted) break;
    }
  } catch (error) {
    if (!leaving.signal.aborted || (error as ServiceError).code !== status.CANCELLED) throw error;
  }
  return count;
}

const page = await serveMetrics(registry, values.host, Number(values['metrics-port']));
console.log(`${name}: metrics on port ${page.port}`);
await passed(Number(values.delay));
const client = new StockService(values.address, credentials.createInsecure()) as unknown as StockClient;
if (values.seconds !== '0') void passed(Number(values.seconds)).then(() => leaving.abort());
try {
  console.log(`${name}: ${await takeQuotes(client)} quotes`);
  if (leaving.signal.aborted) await signalled;
} catch (error) {
  console.error(`${name}: ${(error as ServiceError).message}`);
  process.exitCode = 1;
} finally {
  leaving.abort();
  client.close();
  page.server.close();
  page.server.closeAllConnections();
}
