import { describe, expect, it, test } from 'vitest';
import { addressOf, FailedAttempts } from '../../../src/auth/failed-attempts.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

function attempts(options: { burst?: number; perSecond?: number; maxAddresses?: number } = {}): {
  failed: FailedAttempts;
  clock: FakeClock;
} {
  const clock = new FakeClock();
  return {
    clock,
    failed: new FailedAttempts({ clock, burst: 3, perSecond: 1, maxAddresses: 10, ...options }),
  };
}

function charge(failed: FailedAttempts, peer: string, times: number): void {
  for (let n = 0; n < times; n += 1) failed.charge(peer);
}

test.each([
  ['192.0.2.1:5000', '192.0.2.1'],
  ['192.0.2.1', '192.0.2.1'],
  ['[2001:db8:1:2:3:4:5:6]:5000', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::]:1', '2001:db8:1:2::/64'],
  ['[2001:DB8::1]:1', '2001:db8:0:0::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['[2001:db8::1]', '2001:db8:0:0::/64'],
  ['[::1]:7', '0:0:0:0::/64'],
  ['[fe80::1%eth0]:7', 'fe80:0:0:0::/64'],
  ['[::ffff:192.0.2.1]:5000', '192.0.2.1'],
  ['[::ffff:c000:201]:5000', '192.0.2.1'],
  ['[0:0:0:0:0:ffff:c000:0201]:5000', '192.0.2.1'],
  ['[64:ff9b::192.0.2.1]:5000', '64:ff9b:0:0::/64'],
  ['unix', 'unix'],
  ['unknown', 'unknown'],
  ['memory:1', 'memory'],
])('%s is charged as %s', (peer, address) => {
  expect(addressOf(peer)).toBe(address);
});

describe('FailedAttempts', () => {
  it('lets a burst fail, then one a second', () => {
    const { failed, clock } = attempts();
    charge(failed, '192.0.2.1:1', 2);
    expect(failed.waitMs('192.0.2.1:2')).toBe(0);
    failed.charge('192.0.2.1:3');
    expect(failed.waitMs('192.0.2.1:4')).toBe(1_000);
    clock.advance(999);
    expect(failed.waitMs('192.0.2.1:4')).toBe(1);
    clock.advance(1);
    expect(failed.waitMs('192.0.2.1:4')).toBe(0);
    failed.charge('192.0.2.1:4');
    expect(failed.waitMs('192.0.2.1:4')).toBe(1_000);
  });

  it('says its settings with their values', () => {
    expect(attempts({ burst: 20, perSecond: 0.5 }).failed.limitsText).toBe(
      'auth.failures.burst = 20, auth.failures.perSecond = 0.5',
    );
  });

  it('costs no other address anything', () => {
    const { failed } = attempts();
    charge(failed, '192.0.2.1:1', 10_000);
    expect(failed.waitMs('192.0.2.2:1')).toBe(0);
    expect(failed.waitMs('unix')).toBe(0);
  });

  it('takes a whole /64 for one', () => {
    const { failed } = attempts();
    for (let n = 0; n < 10; n += 1) failed.charge(`[2001:db8::${n}]:1`);
    expect(failed.waitMs('[2001:db8::ffff]:1')).toBeGreaterThan(0);
    expect(failed.waitMs('[2001:db8:0:1::1]:1')).toBe(0);
    expect(failed.size).toBe(1);
  });

  it('of many attempts at once a burst more is paid back, and no more than that', () => {
    const { failed, clock } = attempts();
    charge(failed, '192.0.2.1:1', 1_000);
    expect(failed.waitMs('192.0.2.1:1')).toBe(4_000);
    clock.advance(4_000);
    expect(failed.waitMs('192.0.2.1:1')).toBe(0);
  });

  it('remembers a bounded number of addresses, of which it forgets the one that failed longest ago', () => {
    const { failed } = attempts({ maxAddresses: 3 });
    charge(failed, '192.0.2.1:1', 3);
    charge(failed, '192.0.2.2:1', 3);
    charge(failed, '192.0.2.3:1', 3);
    failed.charge('192.0.2.1:1');
    failed.charge('192.0.2.4:1');
    expect(failed.size).toBe(3);
    expect(failed.waitMs('192.0.2.2:1')).toBe(0);
    expect(failed.waitMs('192.0.2.1:1')).toBeGreaterThan(0);
    expect(failed.waitMs('192.0.2.3:1')).toBeGreaterThan(0);
  });

  it('arms no timer and remembers nobody for asking', () => {
    const { failed, clock } = attempts();
    for (let n = 0; n < 100; n += 1) failed.waitMs(`192.0.2.${n}:1`);
    expect(failed.size).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
