import { beforeEach, describe, expect, it } from 'vitest';
import { Liveness } from '../../../../src/client/connection/liveness.js';
import type { Clock, Timer } from '../../../../src/core/clock.js';

/** A clock whose timers run when the process has time for them, which may be late. */
class LateClock implements Clock {
  nowMs = 0;
  timer: { callback: () => void; dueMs: number } | undefined;

  now = (): number => this.nowMs;
  wallNow = (): number => this.nowMs;
  setImmediate = (): void => undefined;

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { callback, dueMs: this.nowMs + delayMs };
    this.timer = timer;
    return {
      cancel: () => {
        if (this.timer === timer) this.timer = undefined;
      },
    };
  }

  /** The timer runs, so much too late. */
  tick(lateMs = 0): void {
    const { timer } = this;
    if (timer === undefined) return;
    this.timer = undefined;
    this.nowMs = timer.dueMs + lateMs;
    timer.callback();
  }
}

describe('Liveness', () => {
  let clock: LateClock;
  let liveness: Liveness;
  let told: string[];

  beforeEach(() => {
    clock = new LateClock();
    told = [];
    liveness = new Liveness(clock, {
      heartbeatDue: () => {
        told.push('heartbeat');
        liveness.sent();
      },
      probeDue: () => told.push(`probe at ${clock.now()}`),
      silent: (intervalMs) => {
        told.push(`silent, ${intervalMs} at ${clock.now()}`);
        liveness.stop();
      },
    });
  });

  const withoutBeats = (): string[] => told.filter((what) => what !== 'heartbeat');

  it('asks after an interval and a half, and gives up after two', () => {
    liveness.start(1_000);
    for (let i = 0; i < 20; i += 1) clock.tick();
    expect(withoutBeats()).toEqual(['probe at 1750', 'silent, 1000 at 2250']);
    expect(clock.timer).toBeUndefined();
  });

  it('takes a night of sleep for one look that found nothing', () => {
    liveness.start(1_000);
    clock.tick();
    clock.tick(8 * 3_600_000);
    expect(told).toEqual(['heartbeat', 'heartbeat']);
    // What had come meanwhile is read behind that timer.
    liveness.received();
    for (let i = 0; i < 6; i += 1) clock.tick();
    expect(withoutBeats()).toEqual([]);
    for (let i = 0; i < 6; i += 1) clock.tick(60_000);
    expect(withoutBeats()).toHaveLength(2);
  });

  it('works without heartbeats of the gateway, and is no mill where there are too many', () => {
    liveness.start(0);
    expect(clock.timer?.dueMs).toBe(2_500);
    liveness.stop();
    liveness.start(1);
    expect(clock.timer?.dueMs).toBe(25);
    liveness.stop();
    liveness.start(2 ** 32 - 1);
    expect(clock.timer?.dueMs).toBeLessThan(2 ** 31);
    liveness.stop();
  });
});
