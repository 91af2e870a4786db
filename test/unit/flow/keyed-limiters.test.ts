import { describe, expect, it } from 'vitest';
import { KeyedLimiters } from '../../../src/flow/keyed-limiters.js';
import { TokenBucket } from '../../../src/flow/token-bucket.js';

/** Ten at once, ten a second. */
const RATE = { amount: 10, perMs: 1_000, burst: 10 };

function table(maxKeys: number): KeyedLimiters {
  return new KeyedLimiters({ create: (now) => new TokenBucket(RATE, now), maxKeys, random: () => 0.25 });
}

/** Takes all that the key may take at once; how much that was. */
function drain(limiters: KeyedLimiters, key: string, now: number): number {
  const limiter = limiters.of(key, now);
  let taken = 0;
  for (; limiter.waitMs(now, 1) === 0; taken += 1) limiter.take(now, 1);
  return taken;
}

describe('KeyedLimiters', () => {
  it('gives each key a limiter of its own', () => {
    const limiters = table(10);
    expect(drain(limiters, 'a', 0)).toBe(10);
    expect(drain(limiters, 'b', 0)).toBe(10);
    expect(drain(limiters, 'a', 0)).toBe(0);
    expect(drain(limiters, 'a', 500)).toBe(5);
    expect(limiters.size).toBe(2);
    expect(limiters.shared).toBe(0);
  });

  it('forgets keys that are as new, a few with each that comes', () => {
    const limiters = table(1_000);
    for (let key = 0; key < 500; key += 1) drain(limiters, `old-${key}`, 0);
    expect(limiters.size).toBe(500);
    // All are full again; each new one takes two of them along.
    for (let key = 0; key < 300; key += 1) drain(limiters, `new-${key}`, 1_000);
    expect(limiters.size).toBe(300);
  });

  it('never holds more than it may, and never forgets one that is being held back', () => {
    const limiters = table(100);
    for (let key = 0; key < 100; key += 1) expect(drain(limiters, `known-${key}`, 0)).toBe(10);
    for (let key = 0; key < 10_000; key += 1) limiters.of(`churned-${key}`, 1);
    expect(limiters.size).toBe(100);
    expect(limiters.shared).toBe(10_000);
    for (let key = 0; key < 100; key += 1) expect(drain(limiters, `known-${key}`, 1)).toBe(0);
  });

  it('lets keys without room share a few limiters: however many come, they get no more than those', () => {
    const limiters = table(1);
    drain(limiters, 'known', 0);
    let taken = 0;
    for (let key = 0; key < 50_000; key += 1) taken += drain(limiters, `churned-${key}`, 0);
    expect(taken).toBe(256 * 10);
  });

  it('has room again as soon as one of its keys is as new', () => {
    const limiters = table(2);
    drain(limiters, 'a', 0);
    drain(limiters, 'b', 0);
    limiters.of('c', 10);
    expect(limiters.shared).toBe(1);
    expect(drain(limiters, 'c', 1_000)).toBe(10);
    expect(limiters.shared).toBe(1);
    expect(limiters.size).toBeLessThanOrEqual(2);
  });

  it('chooses who shares with whom by its secret', () => {
    const chosen = [0.1, 0.9].map((secret) => {
      const limiters = new KeyedLimiters({
        create: (now) => new TokenBucket(RATE, now),
        maxKeys: 1,
        random: () => secret,
      });
      drain(limiters, 'known', 0);
      drain(limiters, 'first', 0);
      return Array.from({ length: 2_000 }, (_, key) => `key-${key}`).filter(
        (key) => limiters.of(key, 0) === limiters.of('first', 0),
      );
    });
    expect(chosen[0]?.length).toBeGreaterThan(0);
    expect(chosen[0]).not.toEqual(chosen[1]);
  });
});
