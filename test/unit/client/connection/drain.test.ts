/** Moving to another connection, or another gateway, while messages are under way both ways. */
import { describe, expect, it } from 'vitest';
import type { ClientEvent } from '../../../../src/client/client-event.js';
import { ClientWorld } from '../../../helpers/client-world.js';
import { NumberExchange } from '../../../helpers/number-exchange.js';

const count = (events: readonly ClientEvent[], kind: ClientEvent['kind']): number =>
  events.filter((event) => event.kind === kind).length;

describe.each([true, false])('a connection that is to end (batches: %s)', (batches) => {
  it.each([
    ['by age', { 'server.maxStreamAge': '200ms', 'server.ageJitter': 0.5 }],
    ['by age, at once', { 'server.maxStreamAge': '200ms', 'server.ageGrace': 0 }],
    ['by messages', { 'server.maxStreamMessages': 100 }],
    ['by bytes', { 'server.maxStreamBytes': '2KiB' }],
  ])('%s: each message comes once, in order, both ways', async (name, settings) => {
    await using world = new ClientWorld({ settings });
    const { client, events } = world.client({ batches, sessionsPerStream: 3 });
    const sessions = [];
    for (let i = 0; i < 5; i += 1) sessions.push(await world.run(client.open('echo')));
    const exchanges = sessions.map((session) => new NumberExchange(session, 400));
    const work = Promise.all(exchanges.map((exchange) => exchange.work));
    while (exchanges.some(({ isExact }) => !isExact)) await world.clock.advanceAsync(1);
    await work;
    for (const exchange of exchanges) expect(exchange.isExact).toBe(true);
    expect(client.sessions).toBe(5);
    expect(count(events, 'draining')).toBeGreaterThanOrEqual(name.startsWith('by age') ? 0 : 1);
  });

  it('by age, many times over: nothing is lost or seen twice, and nothing breaks', async () => {
    await using world = new ClientWorld({
      settings: { 'server.maxStreamAge': '1s', 'server.ageJitter': 0.3, 'server.ageGrace': '1s' },
    });
    const { client, events } = world.client({ batches });
    const session = await world.run(client.open('echo'));
    const received: string[] = [];
    const reading = (async () => {
      for await (const { text } of session) received.push(text);
    })();
    const sent: string[] = [];
    for (let i = 0; i < 1_500; i += 1) {
      sent.push(String(i));
      await session.send(String(i));
      await world.clock.advanceAsync(20);
    }
    await world.run(session.close());
    await world.run(reading);
    expect(received).toEqual(sent);
    expect(count(events, 'draining')).toBeGreaterThan(20);
    // Each left in good order before its end.
    expect(count(events, 'disconnected')).toBe(0);
    expect(count(events, 'connected')).toBe(count(events, 'draining') + 1);
  });
});

describe('a gateway that leaves', () => {
  it('is left when it has done everything; the session goes on with another', async () => {
    await using world = new ClientWorld({ addresses: ['a:1', 'b:1'] });
    const { client, events } = world.client();
    const resets: { code: string; unsettled: number }[] = [];
    const session = await world.run(
      client.open('echo', {
        onReset: ({ error, unsettled, resend }) => {
          resets.push({ code: error.code, unsettled: unsettled.length });
          resend();
        },
      }),
    );
    const exchange = new NumberExchange(session, 2_000);
    // In the middle of it.
    while (exchange.received.length < 500) await world.clock.advanceAsync(1);
    const stopped = world.at('a:1').gateway.stop();
    await world.until(() => count(events, 'draining') > 0);
    const fresh = await world.run(client.open('echo'));
    await world.run(exchange.work);
    await world.run(stopped);
    expect(exchange.isExact).toBe(true);
    expect(resets.map(({ code }) => code)).toEqual(['DRAINING']);
    await world.run(fresh.sendAndWait('on b'));
    expect(world.at('a:1').gateway.sessions).toBe(0);
    await world.until(() => world.at('b:1').gateway.sessions === 2);
    await world.run(session.sendAndWait('on b, too'));
    expect(events.find(({ kind }) => kind === 'draining')).toMatchObject({ what: 'gateway', address: 'a:1' });
  });

  it('that is the only one: what is new waits for it to come back', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client({ openTimeoutMs: 120_000 });
    const session = await world.run(client.open('echo', { onReset: ({ resend }) => resend() }));
    const stopped = world.place.gateway.stop();
    const opening = client.open('echo');
    await world.run(stopped);
    await world.clock.advanceAsync(20_000);
    // It is there, and refuses: no hammering.
    expect(count(events, 'connecting')).toBeLessThan(30);
    await world.place.restart();
    await world.run(session.sendAndWait('again'));
    await world.run(opening);
  });
});
