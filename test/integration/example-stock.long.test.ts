/** examples/stock, run as its README says, in its short form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Program } from '../../examples/stock/program.js';
import { OwnScrapes, type Point } from '../../examples/stock/readings.js';
import { runExample } from '../helpers/run-example.js';

const PROVED = [
  'what the service has sent and the slow client not taken stays within windows and queues',
  'once they are full the service sends no faster than the slow client takes',
  'the fast client has all that was sent to it, but for what was under way when it left',
  'it is not held back by the slow one',
  'the gateway holds no more of the two calls than their windows and queues',
];

describe('examples/stock', { timeout: 150_000 }, () => {
  it('proves that a slow client holds the service back', async () => {
    const { exitCode, proved, failed, pictures, output } = await runExample('stock');
    expect(failed, output).toEqual([]);
    expect(exitCode, output).toBe(0);
    expect(proved).toEqual(PROVED);
    if (process.env['CI'] !== undefined) expect(output).toContain('scraped once a second by Prometheus\n');
    expect(readFileSync(join(pictures, 'stock.svg'), 'utf8')).toContain('Slow client, each 5 s (quotes)');
  });

  it('reads the pages itself where there is no Prometheus', async () => {
    await using server = await Program.start('server', '--port', '0', '--rate', '50');
    await using client = await Program.start('client', '--address', server.address ?? '');
    const readings = new OwnScrapes([server.metrics, client.metrics]);
    try {
      const received = (): Promise<readonly Point[]> =>
        readings.over('stock_updates_received_total', { client: 'fast' });
      await expect
        .poll(async () => (await received()).filter(([, value]) => value > 0).length, { timeout: 60_000 })
        .toBeGreaterThan(2);
      const points = await received();
      expect(points).toEqual(points.toSorted(([a], [b]) => a - b));
      expect(points).toEqual(points.toSorted(([, a], [, b]) => a - b));
      const sent = await readings.over('stock_updates_sent_total', { client: 'fast' });
      expect(sent.at(-1)?.[1]).toBeGreaterThan(1);
      expect(await readings.over('stock_updates_sent_total', { client: 'slow' })).toEqual([]);
    } finally {
      await readings.stop();
    }
  });
});
