import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import {
  HealthChecker,
  type HealthCheckerOptions,
  type ProbeTarget,
} from '../../../src/health/health-checker.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

class Target implements ProbeTarget {
  readonly id: string;
  readonly #clock: FakeClock;
  heardAtMs: number;
  ended = false;
  reading = true;
  room = true;
  readonly sequences: number[] = [];
  error: SluiceError | undefined;
  endings = 0;

  constructor(id: string, clock: FakeClock) {
    this.id = id;
    this.#clock = clock;
    this.heardAtMs = clock.now();
  }

  hear(): void {
    this.heardAtMs = this.#clock.now();
  }

  probe(sequence: number): boolean {
    if (this.room) this.sequences.push(sequence);
    return this.room;
  }

  heardSince(since: number): boolean {
    return this.heardAtMs > since || !this.reading;
  }

  end(error: SluiceError): void {
    this.ended = true;
    this.endings += 1;
    this.error = error;
  }
}

function setUp(options: Partial<HealthCheckerOptions> = {}) {
  const clock = new FakeClock();
  const targets: Target[] = [];
  let scans = 0;
  const metrics = { probesSent: 0, probesAnswered: 0, probesFailed: 0 };
  const checker = new HealthChecker({
    clock,
    probe: {
      *silentSince(since: number) {
        scans += 1;
        for (const target of targets) {
          if (!target.ended && target.reading && target.heardAtMs < since) yield target;
        }
      },
    },
    metrics,
    intervalMs: 45_000,
    maxInactivityMs: 120_000,
    queueTimeoutMs: 2_000,
    answerTimeoutMs: 10_000,
    ...options,
  });
  const add = (id: string): Target => {
    const target = new Target(id, clock);
    targets.push(target);
    return target;
  };
  return { clock, checker, metrics, add, scans: () => scans };
}

describe('HealthChecker', () => {
  it('leaves alone whoever was heard within maxInactivity', () => {
    const { clock, checker, metrics, add } = setUp();
    const target = add('busy');
    checker.start();
    for (let minute = 0; minute < 10; minute += 1) {
      clock.advance(60_000);
      target.hear();
    }
    expect(metrics.probesSent).toBe(0);
    expect(target.ended).toBe(false);
    checker.stop();
    expect(clock.pending).toBe(0);
  });

  it('probes a silent connection once, and is content with an answer', () => {
    const { clock, checker, metrics, add } = setUp();
    const target = add('quiet');
    checker.start();
    clock.advance(135_000); // the third check: 135 s of silence
    expect(target.sequences).toHaveLength(1);
    expect(checker.probesUnderWay).toBe(1);
    clock.advance(9_000);
    expect(target.sequences).toHaveLength(1);
    target.hear();
    clock.advance(1_500);
    expect(metrics).toEqual({ probesSent: 1, probesAnswered: 1, probesFailed: 0 });
    expect(checker.probesUnderWay).toBe(0);
    expect(target.ended).toBe(false);
    expect(clock.activeTimers).toBe(1); // the next check alone
    checker.stop();
    expect(clock.pending).toBe(0);
  });

  it('ends a connection that does not answer as STALE, naming the silence, limits and settings', () => {
    const { clock, checker, metrics, add } = setUp();
    const target = add('dead');
    checker.start();
    clock.advance(135_000 + 9_900);
    expect(target.ended).toBe(false);
    clock.advance(500);
    expect(target.endings).toBe(1);
    expect(target.error).toBeInstanceOf(SluiceError);
    expect(target.error?.code).toBe('STALE');
    expect(target.error?.message).toMatch(
      /at least 130\d\d\d ms, more than 120000 ms \(health\.maxInactivity\).*not answered within 10000 ms \(health\.probeAnswerTimeout\)/,
    );
    expect(metrics).toEqual({ probesSent: 1, probesAnswered: 0, probesFailed: 1 });
    checker.stop();
  });

  it('retries a probe that finds no room, and ends the connection when there is none in time', () => {
    const { clock, checker, metrics, add } = setUp();
    const late = add('late');
    const full = add('full');
    late.room = false;
    full.room = false;
    checker.start();
    clock.advance(135_000 + 1_000);
    late.room = true;
    clock.advance(500);
    expect(late.sequences).toHaveLength(1);
    expect(metrics.probesSent).toBe(1);
    clock.advance(700);
    expect(full.error?.message).toMatch(/no room .* within 2000 ms \(health\.probeQueueTimeout\)/);
    expect(late.ended).toBe(false);
    clock.advance(9_500); // its answer time runs from when it was queued
    expect(late.error?.code).toBe('STALE');
    expect(metrics.probesFailed).toBe(2);
    checker.stop();
  });

  it('does not call a connection dead that the gateway stopped reading, or that has ended meanwhile', () => {
    const { clock, checker, metrics, add } = setUp();
    const unread = add('unread');
    const gone = add('gone');
    checker.start();
    clock.advance(135_000);
    unread.reading = false;
    gone.ended = true;
    clock.advance(20_000);
    expect([unread.endings, gone.endings]).toEqual([0, 0]);
    expect(metrics.probesFailed).toBe(0);
    expect(checker.probesUnderWay).toBe(0);
    checker.stop();
  });

  it('never has two probes of one connection under way, however short the interval', () => {
    const { clock, checker, add } = setUp({ intervalMs: 1_000, maxInactivityMs: 5_000 });
    const target = add('quiet');
    checker.start();
    clock.advance(6_000 + 9_000);
    expect(target.sequences).toHaveLength(1);
    target.hear();
    clock.advance(7_000);
    expect(target.sequences).toHaveLength(2);
    expect(target.sequences[0]).not.toBe(target.sequences[1]);
    checker.stop();
  });

  it('checks 5,000 silent connections with one timer for all of them', () => {
    const { clock, checker, metrics, add } = setUp();
    for (let index = 0; index < 5_000; index += 1) add(`c${index}`);
    checker.start();
    clock.advance(135_000);
    expect(checker.probesUnderWay).toBe(5_000);
    expect(clock.activeTimers).toBe(2);
    clock.advance(11_000);
    expect(metrics.probesFailed).toBe(5_000);
    expect(clock.activeTimers).toBe(1);
    checker.stop();
    expect(clock.pending).toBe(0);
  });

  it('bounds the probes under way and takes the others as room comes, without waiting for the next check', () => {
    const { clock, checker, metrics, add, scans } = setUp({ maxProbesUnderWay: 10 });
    for (let index = 0; index < 25; index += 1) add(`c${index}`);
    checker.start();
    clock.advance(135_000);
    expect(checker.probesUnderWay).toBe(10);
    const scansBefore = scans();
    clock.advance(5_000);
    expect(scans()).toBe(scansBefore); // no walk while there is no room
    clock.advance(39_000);
    expect(metrics.probesFailed).toBe(25);
    checker.stop();
  });

  it('chooses sequences from 1 to 2^53 - 1', () => {
    for (const [random, low, high] of [
      [0, 1, 1],
      [1 - 2 ** -53, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER],
    ] as const) {
      const { clock, checker, add } = setUp({ random: () => random });
      const target = add('quiet');
      checker.start();
      clock.advance(135_000);
      const sequence = target.sequences[0] ?? 0;
      expect(Number.isSafeInteger(sequence)).toBe(true);
      expect(sequence).toBeGreaterThanOrEqual(low);
      expect(sequence).toBeLessThanOrEqual(high);
      checker.stop();
    }
  });

  it('leaves nothing when stopped with probes under way, twice, and does nothing at interval 0', () => {
    const { clock, checker, add } = setUp();
    const target = add('quiet');
    checker.start();
    checker.start();
    expect(clock.activeTimers).toBe(1);
    clock.advance(136_000);
    checker.stop();
    checker.stop();
    expect(clock.pending).toBe(0);
    expect(checker.probesUnderWay).toBe(0);
    clock.advance(100_000);
    expect(target.ended).toBe(false);

    const off = setUp({ intervalMs: 0 });
    off.checker.start();
    expect(off.clock.pending).toBe(0);
  });
});
