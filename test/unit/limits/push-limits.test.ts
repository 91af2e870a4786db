import { describe, expect, it } from 'vitest';
import { addressOf } from '../../../src/auth/failed-attempts.js';
import { PushLimits } from '../../../src/limits/push-limits.js';
import { RateLimit, type RateLimitConfig } from '../../../src/limits/rate-limit.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

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
const ANN = { clientId: 'ann', peer: '192.0.2.1:1000' };
const NEVER = new AbortController().signal;

function world(configs: Readonly<Record<string, Partial<RateLimitConfig>>>) {
  const clock = new FakeClock();
  const limits = Object.entries(configs).map(
    ([name, config]) => new RateLimit(name, { ...BASE, ...config }, () => 0.5),
  );
  return { clock, limits, pushes: new PushLimits({ limits, clock, addressOf }) };
}

describe('PushLimits', () => {
  it('says how the caller stands, in messages and bytes, and refuses what is over', async () => {
    const { limits, pushes } = world({ few: { messages: 2, bytes: 100, per: 10_000 } });
    expect(await pushes.admit(ANN, 60, NEVER)).toMatchObject([
      { limit: 'few', unit: 'messages', remaining: 1 },
      { limit: 'few', unit: 'bytes', remaining: 40 },
    ]);
    await expect(pushes.admit(ANN, 60, NEVER)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 2_000,
      message:
        'client "ann" is over rate limit "few", 2 messages and 100 bytes in 10000 ms (rateLimits.few.messages, rateLimits.few.bytes): try again in 2000 ms',
      rates: [{ remaining: 1 }, { remaining: 40 }],
    });
    await pushes.admit({ ...ANN, clientId: 'bob' }, 60, NEVER);
    expect(limits[0]?.counters).toMatchObject({ allowed: 2, refused: 1, delayed: 0 });
  });

  it('counts by address without the port, and as a route of its own', async () => {
    const { pushes } = world({ one: { messages: 1, by: ['address', 'route'] } });
    await pushes.admit(ANN, 0, NEVER);
    await pushes.admit({ ...ANN, peer: '192.0.2.2:1000' }, 0, NEVER);
    await expect(pushes.admit({ clientId: 'bob', peer: '192.0.2.1:2000' }, 0, NEVER)).rejects.toThrow(
      'address 192.0.2.1 with what is pushed is over rate limit "one", 1 messages',
    );
  });

  it('has nothing to say where no messages are limited', async () => {
    const { limits, pushes } = world({ opens: { opens: 1 } });
    for (let n = 0; n < 3; n += 1) expect(await pushes.admit(ANN, 1, NEVER)).toEqual([]);
    expect(limits[0]?.counters).toMatchObject({ allowed: 0, refused: 0 });
  });

  it('holds a push for as long as callDelay lets it', async () => {
    const { clock, limits, pushes } = world({ one: { messages: 1, callDelay: 1_000 } });
    await pushes.admit(ANN, 0, NEVER);
    const held = pushes.admit(ANN, 0, NEVER);
    expect(limits[0]?.counters).toMatchObject({ delayed: 1, waiting: 1 });
    await clock.advanceAsync(1_000);
    expect(await held).toMatchObject([{ remaining: 0 }]);
    expect(limits[0]?.counters.waiting).toBe(0);
    expect(clock.activeTimers).toBe(0);
  });

  it('holds nothing for a caller that has left', async () => {
    const { clock, limits, pushes } = world({ one: { messages: 1, callDelay: 1_000 } });
    await pushes.admit(ANN, 0, NEVER);
    const left = new AbortController();
    const held = pushes.admit(ANN, 0, left.signal);
    left.abort(new Error('gone'));
    await expect(held).rejects.toThrow('gone');
    expect(limits[0]?.counters.waiting).toBe(0);
    expect(clock.activeTimers).toBe(0);
  });
});
