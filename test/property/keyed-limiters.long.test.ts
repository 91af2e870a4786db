import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { FixedWindow } from '../../src/flow/fixed-window.js';
import { KeyedLimiters } from '../../src/flow/keyed-limiters.js';
import { LeakyBucket } from '../../src/flow/leaky-bucket.js';
import type { RateLimiter } from '../../src/flow/rate-limiter.js';
import { SlidingWindow } from '../../src/flow/sliding-window.js';
import { TokenBucket } from '../../src/flow/token-bucket.js';

const KEYS = 1_000_000;
const MAX_KEYS = 100_000;
/** What a key may take, in bytes, the largest (a sliding window) included. */
const BYTES_A_KEY = 400;

/** One is as new an hour after it was taken. */
const rate = { amount: 10, perMs: 36_000_000, burst: 10, queue: 10 };
const makers: Readonly<Record<string, (now: number) => RateLimiter>> = {
  'fixed window': (now) => new FixedWindow(rate, now),
  'sliding window': (now) => new SlidingWindow(rate, now),
  'token bucket': (now) => new TokenBucket(rate, now),
  'leaky bucket': (now) => new LeakyBucket(rate, now),
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

describe('a million keys', () => {
  for (const [name, create] of Object.entries(makers)) {
    it(`take no more than maxKeys do: ${name}`, () => {
      const limiters = new KeyedLimiters({ create, maxKeys: MAX_KEYS, random: Math.random });
      const before = heapUsed();
      let allowed = 0;
      for (let key = 0; key < KEYS; key += 1) {
        // A millisecond each: all come within the hour.
        const limiter = limiters.of(`client-${key}`, key);
        if (limiter.waitMs(key, 1) > 0) continue;
        limiter.take(key, 1);
        allowed += 1;
      }
      expect(limiters.size).toBe(MAX_KEYS);
      expect(limiters.shared).toBe(KEYS - MAX_KEYS);
      expect(heapUsed() - before).toBeLessThan(MAX_KEYS * BYTES_A_KEY);
      // Those who came too late had what the shared ones let through: no more than a few in a thousand.
      expect(allowed).toBeLessThan(MAX_KEYS + 256 * 20);
      expect(limiters.size).toBe(MAX_KEYS);
    });
  }
});
