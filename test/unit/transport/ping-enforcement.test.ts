import { describe, expect, it } from 'vitest';
import { PingEnforcement } from '../../../src/transport/grpc/ping-enforcement.js';

const MIN_MS = 15_000;
const TWO_HOURS_MS = 2 * 60 * 60 * 1000;

function judge(permitPingsWithoutStreams: boolean): PingEnforcement {
  const pings = new PingEnforcement({ minPingIntervalMs: MIN_MS, permitPingsWithoutStreams });
  // The first ping of a connection follows what its opening sent.
  expect(pings.isTooMany(0, 1, 22)).toBe(false);
  return pings;
}

describe('PingEnforcement', () => {
  it('allows pings at the minimum interval for ever', () => {
    const pings = judge(true);
    for (let n = 1; n <= 100; n += 1) expect(pings.isTooMany(n * MIN_MS, 1, 22)).toBe(false);
  });

  it('ends at the third ping that comes too soon', () => {
    const pings = judge(true);
    const verdicts = [1, 2, 3].map((n) => pings.isTooMany(n * (MIN_MS - 1), 1, 22));
    expect(verdicts).toEqual([false, false, true]);
  });

  it('keeps strikes through a ping that is on time', () => {
    const pings = judge(true);
    expect(pings.isTooMany(1, 1, 22)).toBe(false);
    expect(pings.isTooMany(2, 1, 22)).toBe(false);
    expect(pings.isTooMany(2 + MIN_MS, 1, 22)).toBe(false);
    expect(pings.isTooMany(3 + MIN_MS, 1, 22)).toBe(true);
  });

  it('forgives when something was sent in between, once for each', () => {
    const pings = judge(true);
    for (let n = 1; n <= 50; n += 1) expect(pings.isTooMany(n, 1, 22 + n)).toBe(false);
    // Answers still unwritten make the figure fall and rise again: that is nothing new.
    expect([60, 72, 65].map((sent, n) => pings.isTooMany(51 + n, 1, sent))).toEqual([false, false, true]);
  });

  it('holds a connection without streams to two hours where pings are not permitted then', () => {
    const strict = judge(false);
    expect([1, 2, 3].map((n) => strict.isTooMany(n * (TWO_HOURS_MS - 1), 0, 22))).toEqual([
      false,
      false,
      true,
    ]);
    const withStream = judge(false);
    expect([1, 2, 3].map((n) => withStream.isTooMany(n * MIN_MS, 1, 22))).toEqual([false, false, false]);
  });
});
