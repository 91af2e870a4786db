/** What a session's messages hold of the account of the gateway, while they are with its upstream. */
import { expect, test } from 'vitest';
import { upstreamRoute } from '../../../src/routes/upstream.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { call } from '../../helpers/memory-calls.js';
import { memoryServer } from '../../helpers/memory-server.js';
import { upstreamWorld } from '../../helpers/upstream-world.js';

test('an upload that is cancelled leaves nothing of what no backend has accepted', async () => {
  const { pool } = upstreamWorld(['a:1']);
  const world = memoryServer(upstreamRoute(pool, { name: 'up' }));
  const client = call(world, 'Ingest');
  client.send(...Array.from({ length: 20 }, () => dataMessage({ data: Buffer.alloc(1_000) })));
  await world.clock.settle();
  expect(world.account.bytes).toBeGreaterThan(20_000);
  client.cancel();
  await world.clock.settle();
  expect(world.account.bytes).toBe(0);
  pool.stop();
});
