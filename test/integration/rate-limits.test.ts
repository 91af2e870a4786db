import { describe, expect, it } from 'vitest';
import { startEdge } from '../helpers/edge-world.js';
import { FakeClock, memoryGateway, type MemoryGateway } from '../../src/testing/index.js';
import type { Route } from '../../src/session/route.js';

/** A gateway whose time the test moves, with a route that keeps what it was given. */
function world(rateLimits: object, settings: Readonly<Record<string, string | number | boolean>> = {}) {
  const handled: string[] = [];
  const list: Route = {
    kind: 'list',
    open: () => ({
      handle({ data }) {
        handled.push(Buffer.from(data).toString());
      },
    }),
  };
  const clock = new FakeClock({ immediates: 'run' });
  const gateway = memoryGateway({
    clock,
    routes: { list },
    settings: {
      routes: JSON.stringify({ echo: { kind: 'echo' }, rooms: { kind: 'topic' } }),
      rateLimits: JSON.stringify(rateLimits),
      ...settings,
    },
  });
  return { gateway, clock, handled };
}

function expectAccounted({ account: { up, down } }: MemoryGateway): void {
  for (const flow of [up, down]) expect(flow.admitted).toBe(flow.delivered + flow.dropped + flow.pending);
}

const TEN_A_SECOND = { perClient: { algorithm: 'leaky-bucket', messages: 10, per: '1s', queue: 1_000 } };

describe('rate limits', () => {
  it('holds one client at the rate, to the message, and nobody else', async () => {
    const { gateway, clock, handled } = world(TEN_A_SECOND);
    await using held = gateway;
    await using loud = held.connect({ clientId: 'loud' });
    await using quiet = held.connect({ clientId: 'quiet' });
    const mine = await clock.until(loud.open('list'));
    const theirs = await clock.until(quiet.open('list'));
    const sent = Array.from({ length: 41 }, (_, n) => mine.sendAndWait(`loud ${n}`));
    await clock.until(theirs.sendAndWait('quiet'));
    expect(handled.filter((text) => text.startsWith('loud')).length).toBeLessThan(5);
    const beganAt = clock.now();
    await clock.until(Promise.all(sent));
    expect(handled.filter((text) => text.startsWith('loud'))).toEqual(
      Array.from({ length: 41 }, (_, n) => `loud ${n}`),
    );
    // One at once, forty at ten a second.
    expect(clock.now() - beganAt).toBeGreaterThanOrEqual(3_900);
    expect(clock.now() - beganAt).toBeLessThanOrEqual(4_400);
    expectAccounted(held);
  });

  it('drops what is held when the client closes at once, and goes on after a resume', async () => {
    const { gateway, clock, handled } = world(TEN_A_SECOND);
    await using held = gateway;
    await using client = held.connect({ clientId: 'ann' });
    const session = await clock.until(client.open('list'));
    const sent = Array.from({ length: 11 }, (_, n) => session.sendAndWait(`${n}`));
    await clock.advanceAsync(300);
    held.breakConnections();
    await clock.until(Promise.all(sent));
    expect(handled).toEqual(Array.from({ length: 11 }, (_, n) => `${n}`));
    expectAccounted(held);
    const last = Array.from({ length: 20 }, (_, n) =>
      session.sendAndWait(`late ${n}`).catch(() => 'not sent'),
    );
    await clock.advanceAsync(100);
    await clock.until(client.close({ graceMs: 0 }));
    expect(await Promise.all(last)).toContain('not sent');
    expectAccounted(held);
  });

  it('drains while messages are held: what can be handled in the grace is', async () => {
    const { gateway, clock, handled } = world(TEN_A_SECOND, { 'server.drainGrace': '1s' });
    await using held = gateway;
    await using client = held.connect({ clientId: 'ann' });
    const session = await clock.until(client.open('list'));
    const sent = Array.from({ length: 100 }, (_, n) => session.sendAndWait(`${n}`).catch(() => 'not sent'));
    await clock.advanceAsync(100);
    const stopped = held.stop();
    await clock.until(stopped);
    expect(handled.length).toBeGreaterThan(1);
    expect(handled.length).toBeLessThan(30);
    expectAccounted(held);
    expect(held.account.up.pending).toBe(0);
    await clock.until(client.close({ graceMs: 0 }));
    expect(await Promise.all(sent)).toContain('not sent');
  });

  it('refuses a Publish over the rate with RATE_LIMITED and when to try again', async () => {
    const { gateway, clock } = world({
      few: { messages: 2, per: '10s', by: ['client', 'route'], routes: ['rooms'] },
    });
    await using held = gateway;
    await using client = held.connect({ clientId: 'ann' });
    for (const text of ['1', '2']) await clock.until(client.publish('rooms/tea', text, { timeoutMs: 0 }));
    await expect(clock.until(client.publish('rooms/tea', '3', { timeoutMs: 0 }))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 5_000,
    });
  });

  it('holds a Publish for as long as callDelay lets it', async () => {
    const { gateway, clock } = world({ few: { messages: 1, per: '1s', callDelay: '3s' } });
    await using held = gateway;
    await using client = held.connect({ clientId: 'ann' });
    await clock.until(client.publish('rooms/tea', '1'));
    const beganAt = clock.now();
    await clock.until(client.publish('rooms/tea', '2'));
    expect(clock.now() - beganAt).toBeGreaterThanOrEqual(900);
  });

  it('counts opens: a session too many is refused', async () => {
    const { gateway, clock } = world({ opens: { opens: 1, per: '1h' } });
    await using held = gateway;
    await using client = held.connect({ clientId: 'ann' });
    await clock.until(client.open('list'));
    await expect(clock.until(client.open('list'))).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('answers HTTP with how the caller stands, and with 429 and when to try again', async () => {
    await using under = await startEdge({
      rateLimits: JSON.stringify({ few: { messages: 2, bytes: '1KiB', per: '1h', by: ['address'] } }),
    });
    const publish = (): Promise<Response> =>
      fetch(`${under.edge}/v1/topics/news/tea`, { method: 'POST', body: 'x' });
    const first = await publish();
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe(
      '"few";q=2;w=3600, "few-bytes";q=1024;qu="content-bytes";w=3600',
    );
    expect(first.headers.get('ratelimit')).toMatch(/^"few";r=1;t=1[78]\d\d, "few-bytes";r=9\d\d;t=\d+$/);
    await publish();
    const refused = await publish();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_700);
    expect(refused.headers.get('ratelimit')).toMatch(/^"few";r=0;t=/);
    expect(await refused.json()).toMatchObject({ error: { code: 'RATE_LIMITED' } });
  });
});
