/**
 * How to test a route of your own: a whole gateway and real clients in one
 * process, without a network. With node:test here; any test runner will do.
 *
 *   npx tsx --test examples/testing-a-route/sum-route.test.ts
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, memoryGateway } from '../../src/testing/index.js'; // in your own project: from 'sluice/testing'
import { sumRoute } from '../own-route/main.js'; // your route

await test('keeps a total a session', async () => {
  await using gateway = memoryGateway({ routes: { sum: sumRoute } });
  await using client = gateway.connect();
  await using session = await client.open('sum');
  await session.send('40');
  await session.send('2');
  assert.equal((await session.receive())?.text, '40');
  assert.equal((await session.receive())?.text, '42');
});

await test('a message that is no number fails alone', async () => {
  await using gateway = memoryGateway({ routes: { sum: sumRoute } });
  await using client = gateway.connect();
  await using session = await client.open('sum');
  await assert.rejects(session.sendAndWait('forty'), {
    code: 'ROUTE_FAILED',
    message: '"forty" is not a number',
  });
  await session.sendAndWait('2');
  assert.equal((await session.receive())?.text, '2');
});

await test('a broken connection costs nothing', async () => {
  await using gateway = memoryGateway({ routes: { sum: sumRoute } });
  await using client = gateway.connect();
  await using session = await client.open('sum');
  for (let n = 1; n <= 100; n += 1) {
    await session.send('1');
    if (n % 10 === 0) gateway.breakConnections();
  }
  let last = '';
  for (let n = 1; n <= 100; n += 1) last = (await session.receive())?.text ?? '';
  assert.equal(last, '100');
  assert.equal(gateway.account.up.delivered, 100);
});

await test('a gateway that was restarted has forgotten the total, and the client is told', async () => {
  await using gateway = memoryGateway({ routes: { sum: sumRoute } });
  await using client = gateway.connect();
  const resets: string[] = [];
  await using session = await client.open('sum', {
    onReset: ({ error, resend }) => {
      resets.push(error.code);
      resend(); // what was sent and not acknowledged, at the risk of a second time
    },
  });
  await session.sendAndWait('40');
  assert.equal((await session.receive())?.text, '40');
  await gateway.restart();
  await session.sendAndWait('2');
  assert.equal((await session.receive())?.text, '2');
  assert.deepEqual(resets, ['RESET']);
});

await test("time is the test's own: who stays away for longer than the resume window is forgotten", async () => {
  const clock = new FakeClock({ immediates: 'run' });
  await using gateway = memoryGateway({
    clock,
    routes: { sum: sumRoute },
    settings: { 'session.resumeWindow': '2m' },
  });
  await using client = gateway.connect();
  const session = await client.open('sum');
  await session.sendAndWait('40');
  gateway.unreachable = true;
  gateway.breakConnections();
  await clock.advanceAsync(119_000);
  assert.equal(gateway.account.sessions, 1);
  await clock.advanceAsync(2_000);
  assert.equal(gateway.account.sessions, 0);
  gateway.unreachable = false;
  const { error } = await clock.until(session.closed);
  assert.equal(error?.code, 'RESET');
});
