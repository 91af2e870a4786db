import { describe, expect, test } from 'vitest';
import { GrpcStatus } from '../../../src/core/errors.js';
import type { BackendLink, LinkEvents } from '../../../src/upstream/backend-link.js';
import { upstreamWorld } from '../../helpers/upstream-world.js';

const quiet: LinkEvents = {
  onMessages: () => undefined,
  onWritable: () => undefined,
  onStands: () => undefined,
  onLost: () => undefined,
};

function world(...args: Parameters<typeof upstreamWorld>) {
  const made = upstreamWorld(...args);
  const open = (): BackendLink | undefined => made.pool.open({}, quiet);
  const wellAll = (...addresses: string[]): void => {
    for (const address of addresses) made.backend(address).isWell();
  };
  return { ...made, open, wellAll, where: () => open()?.address };
}

describe('a session goes', () => {
  test('to nobody of whom nothing is known yet', () => {
    const { pool, where } = world(['a:1']);
    pool.start();
    expect(where()).toBeUndefined();
  });

  test('to the address with the fewest sessions', () => {
    const { pool, open, wellAll, where } = world(['a:1', 'b:1', 'c:1']);
    pool.start();
    wellAll('a:1', 'b:1', 'c:1');
    const first = Array.from({ length: 6 }, () => open() as BackendLink);
    expect(first.map(({ address }) => address).sort()).toEqual(['a:1', 'a:1', 'b:1', 'b:1', 'c:1', 'c:1']);
    const left = first.filter(({ address }) => address === 'b:1');
    for (const link of left) link.drop(false);
    // Until the stream has ended, it is there.
    expect(pool.levels.addresses.map(({ sessions }) => sessions)).toEqual([2, 2, 2]);
    expect(where()).toBeDefined();
  });

  test('among equals to any, by chance', async () => {
    const { pool, clock, open, wellAll, chance } = world(['a:1', 'b:1', 'c:1']);
    pool.start();
    wellAll('a:1', 'b:1', 'c:1');
    const first = async (value: number): Promise<string | undefined> => {
      chance.value = value;
      const link = open();
      link?.drop(false);
      await clock.advanceAsync(0);
      return link?.address;
    };
    expect(await first(0.99)).toBe('a:1');
    expect(await first(0.4)).toBe('b:1');
    expect(await first(0)).toBe('c:1');
  });

  test('to none that is not serving, gone or full', () => {
    const { pool, backend, wellAll, where } = world(['a:1', 'b:1', 'c:1'], { maxSessions: 1 });
    pool.start();
    wellAll('a:1', 'b:1', 'c:1');
    backend('a:1').isWell(2);
    backend('b:1').isGone();
    expect([where(), where()]).toEqual(['c:1', undefined]);
  });
});

describe('the circuit breaker of an address', () => {
  const own = { breakerFailures: 2, breakerPause: 1_000 };

  test('opens after streams that failed before anything was said, and lets one try after the pause', () => {
    const { pool, backend, clock, where, wellAll } = world(['a:1'], own);
    pool.start();
    wellAll('a:1');
    for (let n = 0; n < 2; n += 1) {
      where();
      backend('a:1').last.ends();
    }
    expect(where()).toBeUndefined();
    clock.advance(1_000);
    expect([where(), where()]).toEqual(['a:1', undefined]);
    backend('a:1').last.says({});
    expect(where()).toBe('a:1');
    expect(pool.levels.addresses[0]?.breaker).toBe('closed');
  });

  test('is not moved by what a handler throws, by refusals, or by streams that have spoken', () => {
    const { pool, backend, where, wellAll } = world(['a:1'], own);
    pool.start();
    wellAll('a:1');
    for (const status of [GrpcStatus.UNKNOWN, GrpcStatus.INTERNAL, GrpcStatus.PERMISSION_DENIED]) {
      where();
      backend('a:1').last.ends({ status });
    }
    for (let n = 0; n < 3; n += 1) {
      where();
      backend('a:1').last.says({});
      backend('a:1').last.ends();
    }
    expect(where()).toBe('a:1');
  });

  test('takes a stream that goes on without a word for a good one', async () => {
    const { pool, backend, clock, where, wellAll } = world(['a:1'], own);
    pool.start();
    wellAll('a:1');
    for (let n = 0; n < 2; n += 1) {
      where();
      backend('a:1').last.ends();
    }
    clock.advance(1_000);
    expect(where()).toBe('a:1');
    await clock.advanceAsync(10_000);
    expect(where()).toBe('a:1');
  });
});

describe('the pause of a breaker', () => {
  const own = { breakerFailures: 2, breakerPause: 5_000, backoffFirst: 10, backoffMax: 10 };

  function paused(...args: Parameters<typeof world>) {
    const made = world(...args);
    const fail = (): void => {
      made.where();
      made.backend('a:1').last.ends();
    };
    const comesBack = async (): Promise<void> => {
      made.backend('a:1').isGone();
      await made.clock.advanceAsync(10);
      made.backend('a:1').isWell();
    };
    made.pool.start();
    made.backend('a:1').isWell();
    fail();
    fail();
    return { ...made, fail, comesBack };
  }

  test('ends when its backend comes back and says that it is serving: one tries, and all follow', async () => {
    const { pool, backend, where, comesBack, clock } = paused(['a:1'], own);
    expect(where()).toBeUndefined();
    expect(pool.levels.addresses[0]).toMatchObject({ health: 'serving', available: false, down: true });
    let told = 0;
    pool.wait({ backendMayBeThere: () => (told += 1) });
    await comesBack();
    await clock.advanceAsync(0);
    expect(told).toBe(1);
    expect(pool.levels.addresses[0]).toMatchObject({ health: 'serving', available: true, down: false });
    expect([where(), where()]).toEqual(['a:1', undefined]);
    backend('a:1').last.says({});
    expect(where()).toBe('a:1');
  });

  test('is a whole one where the backend that came back fails the one that tries; the log does not say otherwise', async () => {
    const { where, comesBack, clock, fail, logger } = paused(['a:1'], { ...own, breakerPause: 60_000 });
    await comesBack();
    fail();
    await comesBack();
    expect(where()).toBeUndefined();
    await clock.advanceAsync(59_000);
    expect(where()).toBeUndefined();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: { state: 'breaker open' } });
    await clock.advanceAsync(1_000);
    expect(where()).toBe('a:1');
  });

  test.each([{ failure: 'unreachable' }, { broken: true }] as const)(
    'is not brought about by one break, however many were under way: %o',
    (end) => {
      const { pool, backend, open, wellAll } = world(['a:1'], own);
      pool.start();
      wellAll('a:1');
      const links = Array.from({ length: 10 }, () => {
        open();
        return backend('a:1').last;
      });
      for (const link of links) link.ends({ status: GrpcStatus.UNAVAILABLE, ...end });
      expect(pool.levels.addresses[0]).toMatchObject({ breaker: 'closed', available: true });
    },
  );
});

describe('whoever waits', () => {
  test('is told once when a backend is there', async () => {
    const { pool, backend, clock, where } = world(['a:1']);
    pool.start();
    let told = 0;
    pool.wait({ backendMayBeThere: () => (told += 1) });
    backend('a:1').isWell(2);
    await clock.advanceAsync(0);
    expect(told).toBe(0);
    backend('a:1').isWell();
    await clock.advanceAsync(0);
    expect(told).toBe(1);
    expect(where()).toBe('a:1');
  });

  test('is told when the pause of a breaker is over', async () => {
    const { pool, backend, clock, where } = world(['a:1'], { breakerFailures: 1, breakerPause: 1_000 });
    pool.start();
    backend('a:1').isWell();
    where();
    backend('a:1').last.ends();
    let told = 0;
    pool.wait({ backendMayBeThere: () => (told += 1) });
    await clock.advanceAsync(999);
    expect(told).toBe(0);
    await clock.advanceAsync(1);
    expect(told).toBe(1);
  });

  test('is told when there is room', async () => {
    const { pool, backend, clock, open } = world(['a:1'], { maxSessions: 1 });
    pool.start();
    backend('a:1').isWell();
    open();
    let told = 0;
    const takeBack = pool.wait({ backendMayBeThere: () => (told += 1) });
    pool.wait({ backendMayBeThere: () => (told += 10) });
    takeBack();
    backend('a:1').last.ends({ status: GrpcStatus.OK });
    await clock.advanceAsync(0);
    expect(told).toBe(10);
  });
});

describe('the health of an address', () => {
  test('is asked for again after a break, with full jitter that doubles', async () => {
    const { pool, backend, clock, chance } = world(['a:1'], { backoffFirst: 100, backoffMax: 300 });
    chance.value = 0.999;
    pool.start();
    for (const [delayMs, watches] of [
      [100, 2],
      [200, 3],
      [300, 4],
      [300, 5],
    ] as const) {
      backend('a:1').isGone();
      await clock.advanceAsync(delayMs - 1);
      expect(backend('a:1').watches).toHaveLength(watches - 1);
      await clock.advanceAsync(1);
      expect(backend('a:1').watches).toHaveLength(watches);
    }
  });

  test.each([{ failure: 'unreachable' }, { broken: true }] as const)(
    'is good where it is not told, until a stream finds nobody there, or loses its connection: %o',
    async (end) => {
      const { pool, backend, clock, where } = world(['a:1']);
      pool.start();
      backend('a:1').isGone({ status: GrpcStatus.UNIMPLEMENTED, failure: undefined } as never);
      expect(where()).toBe('a:1');
      backend('a:1').last.ends({ status: GrpcStatus.UNAVAILABLE, ...end });
      expect(where()).toBeUndefined();
      await clock.advanceAsync(100);
      expect(backend('a:1').watches).toHaveLength(2);
    },
  );

  test('is good where there is no answer to the question', async () => {
    const { pool, clock, where } = world(['a:1'], { connectTimeout: 1_000 });
    pool.start();
    await clock.advanceAsync(1_999);
    expect(where()).toBeUndefined();
    await clock.advanceAsync(1);
    expect(where()).toBe('a:1');
  });

  test('that comes and goes is told a few times, and the last state always', async () => {
    const { pool, backend, clock, logger } = world(['a:1']);
    pool.start();
    for (let n = 0; n < 50; n += 1) {
      backend('a:1').isWell(1);
      backend('a:1').isWell(2);
    }
    expect(logger.lines.length).toBeLessThanOrEqual(4);
    backend('a:1').isWell(1);
    await clock.advanceAsync(20_000);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'info',
      fields: { state: 'serving', upstream: 'it' },
    });
    expect(logger.lines.length).toBeLessThanOrEqual(6);
  });
});

test('an outage begins when the last address is lost, and is over with the first that is there', () => {
  const { pool, backend, clock } = world(['a:1', 'b:1']);
  pool.start();
  expect(pool.outageMs).toBe(0);
  backend('a:1').isGone();
  clock.advance(50);
  // Of the other nothing is known yet.
  expect(pool.outageMs).toBe(0);
  backend('b:1').isWell(2);
  clock.advance(50);
  expect(pool.outageMs).toBe(50);
  backend('b:1').isWell();
  expect(pool.outageMs).toBe(0);
});

test('nothing is left of it when it has stopped', async () => {
  const { pool, backend, clock, open } = world(['a:1', 'b:1', 'c:1']);
  pool.start();
  backend('a:1').isWell();
  backend('b:1').isGone();
  open();
  pool.stop();
  pool.stop();
  await clock.advanceAsync(0);
  expect(clock.pending).toBe(0);
  expect(backend('a:1').last.isCancelled).toBe(true);
  expect(['a:1', 'b:1', 'c:1'].every((address) => backend(address).isClosed)).toBe(true);
  expect(open()).toBeUndefined();
});

describe('a watch whose connection is about to go', () => {
  test('moves to another at once; until that speaks, what was said last holds', () => {
    const { pool, backend, where, clock } = world(['a:1']);
    pool.start();
    backend('a:1').isWell();
    clock.advance(10_000);
    backend('a:1').watches[0]?.onLeaving?.();
    expect({ watches: backend('a:1').watches.length, cancelled: backend('a:1').watchesCancelled }).toEqual({
      watches: 2,
      cancelled: 1,
    });
    expect(where()).toBe('a:1');
    backend('a:1').isWell(2);
    expect(where()).toBeUndefined();
    // The old one is not heard any more.
    backend('a:1').watches[0]?.onBody(new Uint8Array([0x08, 1]));
    expect(where()).toBeUndefined();
  });

  test('moves ever more seldom where every connection goes at once, and not after the end', async () => {
    const { pool, backend, chance, clock } = world(['a:1'], { backoffFirst: 100, backoffMax: 400 });
    chance.value = 0.999;
    pool.start();
    const { watches } = backend('a:1');
    for (const delayMs of [200, 400, 400]) {
      backend('a:1').isWell();
      watches.at(-1)?.onLeaving?.();
      const before = watches.length;
      await clock.advanceAsync(delayMs - 1);
      expect(watches).toHaveLength(before);
      await clock.advanceAsync(1);
      expect(watches).toHaveLength(before + 1);
    }
    watches.at(-1)?.onLeaving?.();
    pool.stop();
    expect(clock.pending).toBe(0);
  });
});
