/**
 * Rate limits: nanoseconds a take costs, by algorithm and by how many keys
 * there are; nanoseconds the throttle of a connection costs; bytes a key takes.
 * Run: node --expose-gc --import tsx bench/micro/rate-limit.ts
 */
import { Bench } from 'tinybench';
import { FixedWindow } from '../../src/flow/fixed-window.js';
import { KeyedLimiters } from '../../src/flow/keyed-limiters.js';
import { LeakyBucket } from '../../src/flow/leaky-bucket.js';
import type { RateLimiter } from '../../src/flow/rate-limiter.js';
import { SlidingWindow } from '../../src/flow/sliding-window.js';
import { Throttle } from '../../src/flow/throttle.js';
import { TokenBucket } from '../../src/flow/token-bucket.js';
import { printNanoseconds } from './nanoseconds.js';

/** Takes inside one measured call. */
const TAKES = 4_096;
const rate = { amount: 1_000_000, perMs: 1_000 };
const burstRate = { ...rate, burst: 1_000_000 };
const queueRate = { ...rate, queue: 1_000_000 };
const makers: Readonly<Record<string, (now: number) => RateLimiter>> = {
  'fixed window': (now) => new FixedWindow(rate, now),
  'sliding window': (now) => new SlidingWindow(rate, now),
  'token bucket': (now) => new TokenBucket(burstRate, now),
  'leaky bucket': (now) => new LeakyBucket(queueRate, now),
};
let sink = 0;
let now = 1_000;

function name(key: number): string {
  return `client-${key.toString().padStart(8, '0')}`;
}

function tableOf(create: (now: number) => RateLimiter, keys: number): KeyedLimiters {
  return new KeyedLimiters({ create, maxKeys: keys, random: Math.random });
}

// First: what the others leave behind would be collected meanwhile.
if (globalThis.gc !== undefined) {
  console.log('  bytes a key, its name included; the longest single take while the keys came');
  for (const [algorithm, create] of Object.entries(makers)) {
    for (const keys of [100_000, 1_000_000]) {
      globalThis.gc();
      const before = process.memoryUsage().heapUsed;
      const limiters = tableOf(create, keys);
      let longestMs = 0;
      for (let key = 0; key < keys; key += 1) {
        const startedAt = performance.now();
        limiters.of(name(key), now).take(now, 1_000);
        longestMs = Math.max(longestMs, performance.now() - startedAt);
      }
      globalThis.gc();
      const bytes = (process.memoryUsage().heapUsed - before) / keys;
      console.log(
        `${bytes.toFixed(0).padStart(7)}  ${algorithm}, ${limiters.size} keys; ${longestMs.toFixed(1)} ms`,
      );
    }
  }
}

const bench = new Bench({ time: 400, warmupTime: 200 });
for (const [algorithm, create] of Object.entries(makers)) {
  const limiter = create(now);
  bench.add(`${algorithm}: ask and take`, () => {
    for (let i = 0; i < TAKES; i += 1) {
      now += 0.002;
      sink += limiter.waitMs(now, 1);
      sink += limiter.take(now, 1);
    }
  });
}
for (const keys of [100, 10_000, 1_000_000]) {
  const limiters = tableOf((at) => new TokenBucket(burstRate, at), keys);
  const names = Array.from({ length: keys }, (_, key) => name(key));
  for (const each of names) limiters.of(each, now).take(now, 2_000_000);
  let key = 0;
  bench.add(`token bucket of one of ${keys} keys: find, ask and take`, () => {
    for (let i = 0; i < TAKES; i += 1) {
      now += 0.002;
      // A prime step: not in the order in which they lie in memory.
      key = (key + 7_919) % keys;
      const limiter = limiters.of(names[key] ?? '', now);
      sink += limiter.waitMs(now, 1);
      sink += limiter.take(now, 1);
    }
  });
}
for (const [what, refillMs] of [
  ['the table has room, keys go as others come', 0.001],
  ['the table is full, keys share', 0],
] as const) {
  const limiters = tableOf((at) => new TokenBucket({ amount: 1_000, perMs: 1, burst: 1 }, at), 10_000);
  let at = 0;
  let next = 0;
  bench.add(`a new key each time: ${what}`, () => {
    for (let i = 0; i < TAKES; i += 1) {
      at += refillMs;
      sink += limiters.of(name((next += 1)), at).take(at, 1);
    }
  });
}
const throttle = new Throttle({ messagesPerSecond: 1_000_000_000, bytesPerSecond: 1_000_000_000_000 }, now);
bench.add('throttle of a connection: may it, how much, spent', () => {
  for (let i = 0; i < TAKES; i += 1) {
    now += 0.002;
    if (throttle.shouldThrottle(now)) sink += 1;
    sink += Math.min(1, throttle.messageBudget(now), throttle.byteBudget(now));
    throttle.spend(1, 256);
  }
});

await printNanoseconds(bench, TAKES);

if (!Number.isFinite(sink)) console.log(sink);
