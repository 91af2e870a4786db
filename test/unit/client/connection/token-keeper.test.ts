import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientError } from '../../../../src/client/client-error.js';
import type { TokenSource } from '../../../../src/client/client-options.js';
import { TokenKeeper } from '../../../../src/client/connection/token-keeper.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

describe('TokenKeeper', () => {
  let clock: FakeClock;
  let asked: number;
  let renewed: { token: string; atMs: number }[];
  let failed: ClientError[];

  beforeEach(() => {
    clock = new FakeClock({ startMs: 0 });
    asked = 0;
    renewed = [];
    failed = [];
  });

  function keep(source: TokenSource | undefined = async () => `t${(asked += 1)}`): TokenKeeper {
    return new TokenKeeper({
      source,
      clock,
      random: () => 0.5,
      backoff: { firstMs: 100, maxMs: 30_000 },
      timeoutMs: 1_000,
      onRenewed: (token) => renewed.push({ token, atMs: clock.now() }),
      onFailed: (error) => failed.push(error),
    });
  }

  it('gives what it was given', () => {
    expect(keep('abc').current()).toBe('abc');
    expect(keep('abc').isRenewable).toBe(false);
    const none = new TokenKeeper({
      ...{ source: undefined, clock, random: () => 0, backoff: { firstMs: 1, maxMs: 1 }, timeoutMs: 1 },
      onRenewed: () => undefined,
      onFailed: () => undefined,
    });
    expect(none.current()).toBeUndefined();
  });

  it.each([
    ['x'.repeat(100_000), 'too long (100000 bytes)'],
    ['a b', 'not a token'],
    [undefined, 'of type undefined'],
  ])('takes no token that can not be shown', async (given, said) => {
    await expect(keep(() => given as string).current()).rejects.toMatchObject({
      code: 'TOKEN_SOURCE',
      message: expect.stringMatching(
        new RegExp(`is ${said.replace(/[()]/g, '\\$&')}: expected is .+ at most 16384 bytes`),
      ) as string,
    });
  });

  it('asks once for connections that begin together, and again for those that come later', async () => {
    const keeper = keep();
    expect(await Promise.all([keeper.current(), keeper.current()])).toEqual(['t1', 't1']);
    clock.advance(999);
    expect(await keeper.current()).toBe('t1');
    clock.advance(1);
    expect(await keeper.current()).toBe('t2');
    keeper.refused();
    expect(await keeper.current()).toBe('t3');
    keeper.stop();
    expect(clock.pending).toBe(0);
  });

  it('renews for all connections once, in time for the one that ends first', async () => {
    const keeper = keep();
    keeper.expiresIn(40_000);
    keeper.expiresIn(4_000);
    keeper.expiresIn(20_000);
    await clock.advanceAsync(14_000);
    expect(renewed).toEqual([{ token: 't1', atMs: 3_000 }]);
    keeper.stop();
    expect(clock.pending).toBe(0);
  });

  it('is no mill', async () => {
    const keeper = keep();
    for (let ms = 0; ms < 10_000; ms += 10) {
      keeper.expiresIn(1);
      await clock.advanceAsync(10);
    }
    expect(asked).toBeLessThanOrEqual(11);
    keeper.stop();
  });

  it('asks again as long as there is time, the sooner the less there is', async () => {
    const keeper = keep(() => {
      asked += 1;
      throw new Error('down');
    });
    keeper.expiresIn(40_000);
    await clock.advanceAsync(60_000);
    expect(failed.length).toBe(asked);
    expect(failed[0]).toMatchObject({ code: 'TOKEN_SOURCE', cause: { message: 'down' } });
    expect(asked).toBeGreaterThan(4);
    expect(asked).toBeLessThanOrEqual(11);
    expect(clock.pending).toBe(0);
  });

  it('does nothing once it is stopped', async () => {
    const keeper = keep();
    keeper.expiresIn(1_000);
    keeper.stop();
    keeper.expiresIn(1_000);
    await clock.advanceAsync(10_000);
    expect(asked).toBe(0);
  });
});
