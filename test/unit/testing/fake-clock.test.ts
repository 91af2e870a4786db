import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/testing/fake-clock.js';

describe('FakeClock', () => {
  it('runs timers by due time, equals in the order they were set, each at its own time', () => {
    const clock = new FakeClock({ startMs: 0 });
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name}@${clock.now()}`);
    clock.setTimeout(note('c'), 30);
    clock.setTimeout(note('a'), 10);
    clock.setTimeout(note('b1'), 20);
    clock.setTimeout(note('b2'), 20);
    clock.advance(20);
    expect(ran).toEqual(['a@10', 'b1@20', 'b2@20']);
    expect(clock.now()).toBe(20);
    expect(clock.activeTimers).toBe(1);
    expect(clock.nextTimerInMs).toBe(10);
    clock.advance(9);
    expect(ran).toHaveLength(3);
    clock.advance(1);
    expect(ran.at(-1)).toBe('c@30');
    expect(clock.pending).toBe(0);
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  it('runs what a timer sets within the span, and leaves what lies beyond it', () => {
    const clock = new FakeClock({ startMs: 0 });
    const ran: number[] = [];
    const again = (): void => {
      ran.push(clock.now());
      clock.setTimeout(again, 10);
    };
    clock.setTimeout(again, 10);
    clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(35);
    expect(clock.nextTimerInMs).toBe(5);
  });

  it('never runs a cancelled timer, and cancelling is idempotent, after firing too', () => {
    const clock = new FakeClock();
    let ran = 0;
    const first = clock.setTimeout(() => (ran += 1), 5);
    const second = clock.setTimeout(() => (ran += 1), 5);
    first.cancel();
    first.cancel();
    expect(clock.activeTimers).toBe(1);
    clock.advance(5);
    second.cancel();
    expect(ran).toBe(1);
    expect(clock.activeTimers).toBe(0);
  });

  it('lets a timer cancel another that is due at the same moment', () => {
    const clock = new FakeClock();
    let ran = false;
    clock.setTimeout(() => {
      later.cancel();
    }, 5);
    const later = clock.setTimeout(() => (ran = true), 5);
    clock.advance(10);
    expect(ran).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('runs immediates when asked, those they add included, and around timers', () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.setImmediate(() => {
      ran.push('first');
      clock.setImmediate(() => ran.push('added'));
    });
    expect(clock.pendingImmediates).toBe(1);
    expect(clock.runImmediates()).toBe(2);
    clock.setTimeout(() => {
      ran.push('timer 1');
      clock.setImmediate(() => ran.push('between'));
    }, 1);
    clock.setTimeout(() => ran.push('timer 2'), 1);
    clock.setImmediate(() => ran.push('before'));
    clock.advance(1);
    expect(ran).toEqual(['first', 'added', 'before', 'timer 1', 'between', 'timer 2']);
  });

  it('moves wall time along with monotonic time', () => {
    const clock = new FakeClock({ startMs: 50, wallStartMs: 1_000_000 });
    expect([clock.now(), clock.wallNow()]).toEqual([50, 1_000_000]);
    clock.advance(2.5);
    expect([clock.now(), clock.wallNow()]).toEqual([52.5, 1_000_002.5]);
  });

  it('throws what a callback throws and keeps the rest pending', () => {
    const clock = new FakeClock();
    let ran = 0;
    clock.setImmediate(() => {
      throw new Error('boom');
    });
    clock.setImmediate(() => (ran += 1));
    clock.setTimeout(() => (ran += 10), 5);
    expect(() => {
      clock.advance(5);
    }).toThrow('boom');
    expect(clock.pending).toBe(2);
    clock.advance(5);
    expect(ran).toBe(11);
  });

  it('refuses to move backwards, by what is no number, or from within a callback', () => {
    const clock = new FakeClock();
    expect(() => {
      clock.advance(-1);
    }).toThrow(/forward only/);
    expect(() => {
      clock.advance(Number.NaN);
    }).toThrow(/forward only/);
    expect(() => clock.setTimeout(() => undefined, Number.NaN)).toThrow(/not a number/);
    clock.setTimeout(() => {
      clock.advance(1);
    }, 1);
    expect(() => {
      clock.advance(1);
    }).toThrow(/being moved already/);
  });

  it('lets awaiting code go on between timers', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const ran: number[] = [];
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.setTimeout(resolve, ms);
      });
    const work = (async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await sleep(10);
        ran.push(clock.now());
      }
    })();
    await clock.advanceAsync(100);
    await work;
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(100);
  });

  it('settles promises that lead to immediates', async () => {
    const clock = new FakeClock();
    let done = false;
    void Promise.resolve().then(() => {
      clock.setImmediate(() => (done = true));
    });
    await clock.settle();
    expect(done).toBe(true);
  });
});

describe('FakeClock.until', () => {
  it('moves time as far as what is waited for needs, and no further', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    const work = (async () => {
      await sleep(100);
      await new Promise<void>((resolve) => {
        clock.setImmediate(resolve);
      });
      await sleep(50);
      return 'done';
    })();
    clock.setTimeout(() => undefined, 1_000);
    expect(await clock.until(work)).toBe('done');
    expect(clock.now()).toBe(150);
    expect(await clock.until(Promise.resolve(1))).toBe(1);
    await expect(clock.until(Promise.reject(new Error('as it is')))).rejects.toThrow('as it is');
    expect(clock.now()).toBe(150);
  });

  it('gives up what takes too long, and what nothing could settle', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const late = new Promise<void>((resolve) => clock.setTimeout(resolve, 2_000));
    await expect(clock.until(late, 1_999)).rejects.toThrow('takes longer than 1999 ms');
    expect(clock.now()).toBe(0);
    await clock.until(late, 2_000);
    await expect(clock.until(new Promise(() => undefined))).rejects.toThrow('nothing is left');
  });

  it('waits for what the platform does by itself', async () => {
    const clock = new FakeClock();
    const digest = await clock.until(globalThis.crypto.subtle.digest('SHA-256', new Uint8Array(1_000)));
    expect(digest.byteLength).toBe(32);
  });
});

describe('a FakeClock whose immediates run', () => {
  it('runs them in turns of the event loop, while time stands still', async () => {
    const clock = new FakeClock({ startMs: 0, immediates: 'run' });
    const ran: string[] = [];
    await new Promise<void>((resolve) => {
      clock.setTimeout(() => ran.push('timer'), 0);
      clock.setImmediate(() => {
        ran.push('first');
        clock.setImmediate(() => {
          ran.push('third');
          resolve();
        });
      });
      clock.setImmediate(() => ran.push('second'));
      expect(ran).toEqual([]);
    });
    expect(ran).toEqual(['first', 'second', 'third']);
    expect(clock.pendingImmediates).toBe(0);
    clock.advance(0);
    expect(ran).toEqual(['first', 'second', 'third', 'timer']);
  });

  it('runs each once, whoever is first', async () => {
    const clock = new FakeClock({ immediates: 'run' });
    let ran = 0;
    clock.setImmediate(() => (ran += 1));
    clock.runImmediates();
    await clock.settle();
    await clock.settle();
    expect(ran).toBe(1);
  });
});
