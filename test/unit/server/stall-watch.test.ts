import { describe, expect, it } from 'vitest';
import { StallWatch, type Stallable } from '../../../src/server/stall-watch.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const LIMIT_MS = 15_000;

function setUp() {
  const clock = new FakeClock();
  const watch = new StallWatch(clock, LIMIT_MS);
  const stalled: string[] = [];
  /** Waits since now; `progress` and `done` as the network takes something or all. */
  const waiting = (name: string, onStalled: () => void = () => undefined) => {
    let stallsAt = clock.now() + LIMIT_MS;
    const stallable: Stallable = {
      lookForStall: () => stallsAt - clock.now(),
      onStalled: () => {
        stalled.push(name);
        onStalled();
      },
    };
    watch.watch(stallable);
    return {
      stallable,
      progress: () => (stallsAt = clock.now() + LIMIT_MS),
      done: () => (stallsAt = Infinity),
    };
  };
  return { clock, watch, stalled, waiting };
}

describe('StallWatch', () => {
  it('needs one timer for all, and none when nobody waits any more', () => {
    const { clock, watch, stalled, waiting } = setUp();
    const all = Array.from({ length: 1_000 }, (_, n) => waiting(String(n)));
    expect(clock.activeTimers).toBe(1);
    for (const { done } of all.slice(1)) done();
    clock.advance(LIMIT_MS);
    expect(stalled).toEqual(['0']);
    expect(clock.activeTimers).toBe(0);

    const { stallable } = waiting('left');
    waiting('right');
    watch.forget(stallable);
    expect(clock.activeTimers).toBe(1);
    clock.advance(LIMIT_MS);
    expect(stalled).toEqual(['0', 'right']);
  });

  it('tells of each at its own time, once', () => {
    const { clock, stalled, waiting } = setUp();
    waiting('a');
    clock.advance(5_000);
    const b = waiting('b');
    clock.advance(5_000);
    waiting('c');
    clock.advance(5_000);
    expect(stalled).toEqual(['a']);
    b.progress();
    clock.advance(LIMIT_MS - 5_001);
    expect(stalled).toEqual(['a']);
    clock.advance(1);
    expect(stalled).toEqual(['a', 'c']);
    clock.advance(5_000);
    expect(stalled).toEqual(['a', 'c', 'b']);
    clock.advance(10 * LIMIT_MS);
    expect(stalled).toHaveLength(3);
    expect(clock.activeTimers).toBe(0);
  });

  it('looks at deadlines that lie close together at once', () => {
    const { clock, stalled, waiting } = setUp();
    for (let n = 0; n < 100; n += 1) {
      waiting(String(n));
      clock.advance(0.1);
    }
    let looks = 0;
    while (clock.activeTimers > 0) {
      clock.advance(clock.nextTimerInMs ?? 0);
      looks += 1;
    }
    expect(stalled).toHaveLength(100);
    expect(looks).toBe(2);
  });

  it('lets the one that stalls forget the others, and watch itself again', () => {
    const { clock, watch, stalled, waiting } = setUp();
    const a = waiting('a', () => {
      watch.forget(a.stallable);
      a.progress();
      watch.watch(a.stallable);
    });
    clock.advance(LIMIT_MS);
    expect(stalled).toEqual(['a']);
    clock.advance(LIMIT_MS);
    expect(stalled).toEqual(['a', 'a']);
    watch.forget(a.stallable);
    expect(clock.activeTimers).toBe(0);
  });
});
