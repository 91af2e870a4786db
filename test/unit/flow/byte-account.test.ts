import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteAccount, MESSAGE_OVERHEAD_BYTES } from '../../../src/flow/byte-account.js';
import { Quota } from '../../../src/flow/quota.js';

function watched(budgetBytes: number): { account: ByteAccount; events: string[] } {
  const account = new ByteAccount(budgetBytes);
  const events: string[] = [];
  account.watch({
    onExceeded: () => events.push(`exceeded at ${account.bytes}`),
    onRelieved: () => events.push(`relieved at ${account.bytes}`),
  });
  return { account, events };
}

describe('ByteAccount', () => {
  it('is exceeded above its budget, not at it, and says so once', () => {
    const { account, events } = watched(1_000);
    account.add(1_000);
    expect(account.exceeded).toBe(false);
    account.add(1);
    account.add(500);
    expect(account.exceeded).toBe(true);
    expect(account.bytes).toBe(1_501);
    expect(events).toEqual(['exceeded at 1001']);
  });

  it('stays so until nine tenths are left, then begins anew', () => {
    const { account, events } = watched(1_000);
    account.add(1_200);
    account.add(-299);
    expect([account.bytes, account.exceeded]).toEqual([901, true]);
    account.add(-1);
    expect([account.bytes, account.exceeded]).toEqual([900, false]);
    account.add(100);
    expect(account.exceeded).toBe(false);
    account.add(1);
    expect(events).toEqual(['exceeded at 1200', 'relieved at 900', 'exceeded at 1001']);
  });

  it('has changed when it says so, and may be changed from within', () => {
    const account = new ByteAccount(100);
    const states: boolean[] = [];
    account.watch({
      onExceeded: () => {
        states.push(account.exceeded);
        account.add(-101);
      },
      onRelieved: () => states.push(account.exceeded),
    });
    account.add(101);
    expect(states).toEqual([true, false]);
    expect(account.bytes).toBe(0);
  });

  it('counts without anyone watching', () => {
    const account = new ByteAccount(10);
    account.add(11);
    account.add(-11);
    expect([account.bytes, account.exceeded]).toEqual([0, false]);
  });

  it('of a budget of one byte still has two sides', () => {
    const { account, events } = watched(1);
    account.add(2);
    account.add(-1);
    expect(account.exceeded).toBe(true);
    account.add(-1);
    expect(events).toEqual(['exceeded at 2', 'relieved at 0']);
  });

  it('crosses by turns whatever is added, and holds the sum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.integer({ min: -80, max: 80 })),
        (budget, changes) => {
          const { account, events } = watched(budget);
          let sum = 0;
          for (const change of changes) {
            // What is let go was held.
            const bytes = Math.max(-sum, change);
            sum += bytes;
            account.add(bytes);
            expect(account.bytes).toBe(sum);
            if (sum > budget) expect(account.exceeded).toBe(true);
            if (sum <= account.relievedBytes) expect(account.exceeded).toBe(false);
          }
          events.forEach((event, i) => {
            expect(event).toMatch(i % 2 === 0 ? /^exceeded/ : /^relieved/);
          });
          expect(events.length % 2 === 1).toBe(account.exceeded);
        },
      ),
    );
  });

  it('holds what all quotas that share it hold, each message with what it takes beside its bytes', () => {
    const account = new ByteAccount(1_000);
    const [one, other] = [new Quota(10, 100, account), new Quota(10, 100, account)];
    one.take(30);
    other.take(40);
    one.take(5);
    other.give(40);
    expect(account.bytes).toBe(35 + 2 * MESSAGE_OVERHEAD_BYTES);
  });
});
