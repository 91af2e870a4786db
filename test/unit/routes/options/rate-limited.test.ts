import { describe, expect, it } from 'vitest';
import { addressOf } from '../../../../src/auth/failed-attempts.js';
import { RateLimit, type RateLimitConfig } from '../../../../src/limits/rate-limit.js';
import { RouteLimits } from '../../../../src/limits/route-limits.js';
import { RateLimited } from '../../../../src/routes/options/rate-limited.js';
import type { Route } from '../../../../src/session/route.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FakeSession } from '../../../helpers/fake-session.js';

const BASE: RateLimitConfig = {
  algorithm: 'token-bucket',
  by: ['client'],
  messages: 0,
  bytes: 0,
  opens: 0,
  per: 1_000,
  burst: 0,
  burstSize: 0,
  queue: 0,
  over: 'delay',
  maxDelay: 60_000,
  callDelay: 0,
  maxKeys: 100,
};

function world(configs: Readonly<Record<string, Partial<RateLimitConfig>>>, pipelined = false) {
  const clock = new FakeClock();
  const handled: string[] = [];
  const inner: Route = {
    kind: 'list',
    pipelined,
    open: () => ({
      handle({ data }) {
        handled.push(Buffer.from(data).toString());
      },
    }),
  };
  const limits = Object.entries(configs).map(
    ([name, config]) => new RateLimit(name, { ...BASE, ...config }, () => 0.5),
  );
  const route = new RateLimited(inner, {
    limits: new RouteLimits({ route: 'list', limits, clock }),
    clock,
    addressOf,
  });
  const open = (peer = '192.0.2.1:1000'): FakeSession => new FakeSession(route, peer);
  return { clock, handled, limits, route, open };
}

describe('RateLimited', () => {
  it('lets a burst go at once and holds what follows, one at a time, at the rate', async () => {
    const { clock, handled, limits, open } = world({ two: { messages: 2 } });
    const session = open();
    expect(session.handle('1')).toBeUndefined();
    expect(session.handle('2')).toBeUndefined();
    for (const text of ['3', '4', '5']) {
      const accepted = session.handle(text);
      expect(limits[0]?.counters.waiting).toBe(1);
      const before = handled.length;
      await clock.advanceAsync(499);
      expect(handled.length).toBe(before);
      await clock.advanceAsync(1);
      await accepted;
      expect(handled.at(-1)).toBe(text);
    }
    expect(limits[0]?.counters).toMatchObject({ allowed: 2, delayed: 3, refused: 0, waiting: 0 });
    expect(clock.activeTimers).toBe(0);
  });

  it('keeps the order of a pipelined route, also of what would not wait by itself', async () => {
    const { clock, handled, open } = world({ bytes: { bytes: 10, burstSize: 10 } }, true);
    const session = open();
    const all = ['0123456789', '01234', 'x', 'y'].map((text) => Promise.resolve(session.handle(text)));
    expect(handled).toEqual(['0123456789']);
    await clock.advanceAsync(500);
    expect(handled).toEqual(['0123456789', '01234']);
    await clock.advanceAsync(200);
    await Promise.all(all);
    expect(handled).toEqual(['0123456789', '01234', 'x', 'y']);
    expect(clock.activeTimers).toBe(0);
  });

  it('drops what it holds with the end of the session, and leaves no timer', async () => {
    const { clock, handled, limits, open } = world({ one: { messages: 1 } }, true);
    const session = open();
    void session.handle('1');
    const held = ['2', '3'].map((text) =>
      expect(session.handle(text)).rejects.toThrow('the session has ended'),
    );
    expect(limits[0]?.counters.waiting).toBe(2);
    session.close();
    await Promise.all(held);
    expect(limits[0]?.counters.waiting).toBe(0);
    expect(clock.activeTimers).toBe(0);
    await clock.advanceAsync(10_000);
    expect(handled).toEqual(['1']);
  });

  it('fails a message where it is to refuse, naming limit, rate and time; the next goes when it may', async () => {
    const { clock, handled, limits, open } = world({ few: { messages: 1, per: 2_000, over: 'refuse' } });
    const session = open();
    void session.handle('1');
    expect(() => session.handle('2')).toThrow(
      'client "ann" is over rate limit "few", 1 messages in 2000 ms (rateLimits.few.messages): try again in 2000 ms',
    );
    expect(limits[0]?.counters).toMatchObject({ allowed: 1, refused: 1, delayed: 0 });
    await clock.advanceAsync(2_000);
    void session.handle('3');
    expect(handled).toEqual(['1', '3']);
  });

  it('refuses what would be held for longer than it may, and has not counted it', async () => {
    const { clock, open } = world({ slow: { messages: 1, maxDelay: 2_500 } }, true);
    const session = open();
    const all = ['1', '2', '3'].map((text) => Promise.resolve(session.handle(text)));
    expect(() => session.handle('4')).toThrow(
      expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 500 }),
    );
    await clock.advanceAsync(500);
    all.push(Promise.resolve(session.handle('5')));
    await clock.advanceAsync(2_500);
    await Promise.all(all);
  });

  it('lets a leaky bucket hold as many as its queue, and says when there is room', () => {
    const { open } = world({ line: { algorithm: 'leaky-bucket', messages: 10, queue: 2 } }, true);
    const session = open();
    for (const text of ['1', '2', '3']) {
      const result = session.handle(text);
      if (result !== undefined) result.catch(() => undefined);
    }
    expect(() => session.handle('4')).toThrow(
      expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 100 }),
    );
    session.close();
  });

  it('counts by client, by address without the port, by route, and all together', () => {
    const texts = (by: RateLimitConfig['by'], peers: readonly string[]): number => {
      const { handled, open } = world({ one: { messages: 1, by, over: 'refuse' } });
      for (const peer of peers) {
        try {
          void open(peer).handle('x');
        } catch {
          // Over the rate.
        }
      }
      return handled.length;
    };
    const peers = ['192.0.2.1:1', '192.0.2.1:2', '192.0.2.2:1', '[2001:db8::1]:1', '[2001:db8::2]:1'];
    expect(texts(['client'], peers)).toBe(1);
    expect(texts(['address'], peers)).toBe(3);
    expect(texts(['client', 'address'], peers)).toBe(3);
    expect(texts(['route'], peers)).toBe(1);
    expect(texts([], peers)).toBe(1);
  });

  it('goes on with the address that a resumed session comes from', () => {
    const { handled, open } = world({ one: { messages: 1, by: ['address'], over: 'refuse' } });
    const session = open('192.0.2.1:1');
    void session.handle('1');
    session.peer = '192.0.2.2:1';
    void session.handle('2');
    expect(handled).toEqual(['1', '2']);
    expect(() => session.handle('3')).toThrow('address 192.0.2.2 is over');
  });

  it('counts nothing with the others where one of several refuses', () => {
    const { limits, open } = world({
      many: { messages: 10 },
      few: { messages: 1, over: 'refuse' },
    });
    const session = open();
    void session.handle('1');
    for (let i = 0; i < 5; i += 1) expect(() => session.handle('x')).toThrow('few');
    expect(limits[0]?.figures('messages', 'ann', 0)).toMatchObject([{ remaining: 9 }]);
  });

  it('refuses sessions that are opened too often, whatever is said about messages', () => {
    const { open } = world({ opens: { opens: 2, per: 60_000 } });
    open();
    open();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 30_000 }));
  });

  it('advises the client once, when the wait is long', async () => {
    const { clock, open } = world({ slow: { messages: 1, per: 5_000 } });
    const session = open();
    void session.handle('1');
    const second = session.handle('2');
    expect(session.advised).toEqual(['5000 ms: rate limit "slow": what is sent now waits']);
    await clock.advanceAsync(5_000);
    await second;
    const third = session.handle('3');
    expect(session.advised.length).toBe(1);
    await clock.advanceAsync(10_000);
    await third;
    void session.handle('4');
    const fifth = session.handle('5');
    expect(session.advised.length).toBe(2);
    session.close();
    await expect(fifth).rejects.toThrow();
  });

  it('does not hold sessions of the gateway itself', () => {
    const { handled, route } = world({ one: { messages: 1, over: 'refuse' } });
    const session = new FakeSession(route);
    for (const text of ['1', '2', '3']) void session.handle(text);
    expect(handled.length).toBe(3);
  });
});
