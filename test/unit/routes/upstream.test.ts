import { expect, test } from 'vitest';
import { Timeout } from '../../../src/routes/options/timeout.js';
import { RouteCounters } from '../../../src/routes/route-counters.js';
import { upstreamRoute } from '../../../src/routes/upstream.js';
import { FakeSession } from '../../helpers/fake-session.js';
import { upstreamWorld } from '../../helpers/upstream-world.js';

test('messages that have timed out are not kept until a backend comes', async () => {
  const { clock, pool, backend } = upstreamWorld(['a:1']);
  const route = upstreamRoute(pool, { name: 'up' });
  const counters = new RouteCounters();
  const session = new FakeSession(new Timeout(route, { name: 'up', timeoutMs: 1_000, clock, counters }));
  for (let n = 0; n < 3; n += 1) {
    const late = session.handle('late');
    void clock.advanceAsync(1_000);
    await expect(late).rejects.toMatchObject({ code: 'ROUTE_TIMEOUT' });
  }
  session.handle('now')?.catch(() => undefined);
  backend('a:1').isWell();
  await clock.advanceAsync(500);
  expect(backend('a:1').last.numbers).toEqual([4]);
  session.close();
  pool.stop();
});
