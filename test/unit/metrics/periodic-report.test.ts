import { describe, expect, it } from 'vitest';
import type { LoopDelayMonitor } from '../../../src/metrics/event-loop-delay.js';
import type { MetricsSources } from '../../../src/metrics/metrics-sources.js';
import { PeriodicReport } from '../../../src/metrics/periodic-report.js';
import { tally } from '../../../src/core/counters.js';
import { StreamMetrics } from '../../../src/metrics/stream-metrics.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { SOURCES } from './fixtures.js';

interface Line {
  readonly message: string;
  readonly fields: Record<string, number | string>;
}

function setUp(intervalMs = 60_000, sources: MetricsSources = SOURCES) {
  const clock = new FakeClock();
  const metrics = new StreamMetrics();
  const lines: Line[] = [];
  const loop = { reads: 0, stopped: 0 };
  const monitor: LoopDelayMonitor = {
    read: () => {
      loop.reads += 1;
      return { meanMs: 0.5, p50Ms: 0.4, p99Ms: 7.25, maxMs: 31.123456 };
    },
    stop: () => {
      loop.stopped += 1;
    },
  };
  const report = new PeriodicReport({
    clock,
    metrics,
    intervalMs,
    sources,
    logger: {
      info: (fields, message) => {
        lines.push({ fields: fields as Record<string, number | string>, message });
      },
    },
    monitorLoop: () => monitor,
    memory: () => ({ rss: 150 * 1024 * 1024, heapUsed: 1024 * 1024, external: 512 * 1024 }),
  });
  const lineAt = (index: number): Line['fields'] => lines.at(index)?.fields ?? {};
  return { clock, metrics, report, lines, lineAt, loop };
}

describe('PeriodicReport', () => {
  it('writes a line an interval and a last one at the stop, and leaves nothing', () => {
    const { clock, report, lines, loop } = setUp();
    report.start();
    report.start();
    clock.advance(59_999);
    expect(lines).toHaveLength(0);
    clock.advance(1 + 60_000);
    expect(lines.map((line) => line.message)).toEqual(['metrics', 'metrics']);
    clock.advance(30_000);
    report.stop();
    report.stop();
    expect(lines.map((line) => line.message)).toEqual(['metrics', 'metrics', 'metrics at stop']);
    expect(lines.map((line) => line.fields['seconds'])).toEqual([60, 60, 30]);
    expect(loop).toEqual({ reads: 3, stopped: 1 });
    expect(clock.pending).toBe(0);
  });

  it('says what happened since the last line, at what rate, and what happened in all', () => {
    const { clock, metrics, report, lineAt } = setUp();
    metrics.messagesReceived = 1_000; // before the start: in the totals alone
    report.start();
    metrics.connectionsAccepted += 12;
    metrics.messagesReceived += 600;
    metrics.bytesSent += 90;
    metrics.throttledMs += 0.1 + 0.2;
    clock.advance(60_000);
    expect(lineAt(0)).toMatchObject({
      accepted: 12,
      acceptedTotal: 12,
      inPerSec: 10,
      inTotal: 1_600,
      outBytesPerSec: 1.5,
      throttledMs: 0.3,
    });
    metrics.messagesReceived += 1;
    clock.advance(60_000);
    expect(lineAt(1)).toMatchObject({ accepted: 0, acceptedTotal: 12, inPerSec: 0.017, inTotal: 1_601 });
    report.stop();
  });

  it('names codes and reasons since the last line, in a steady order', () => {
    const { clock, metrics, report, lineAt } = setUp();
    report.start();
    for (let times = 0; times < 3; times += 1) tally(metrics.connectionsRejected, 'CONNECTION_LIMIT');
    tally(metrics.connectionsRejected, 'CLIENT_LIMIT');
    tally(metrics.connectionsEnded, 'LOST');
    tally(metrics.sendErrors, 'SLOW_CONSUMER');
    tally(metrics.receiveErrors, 'INVALID_MESSAGE');
    metrics.up.admitted = 5;
    metrics.up.droppedBy['connection-closed'] = 2;
    metrics.down.admitted = 5;
    metrics.down.droppedBy.overflow = 4;
    clock.advance(60_000);
    expect(lineAt(0)).toMatchObject({
      rejected: 4,
      rejectedBy: 'CLIENT_LIMIT=1 CONNECTION_LIMIT=3',
      ended: 1,
      endedBy: 'LOST=1',
      sendErrors: 1,
      sendErrorsBy: 'SLOW_CONSUMER=1',
      receiveErrors: 1,
      receiveErrorsBy: 'INVALID_MESSAGE=1',
      dropped: 6,
      droppedBy: 'down.overflow=4 up.connection-closed=2',
      upPending: 3,
      downPending: 1,
    });
    tally(metrics.connectionsRejected, 'CLIENT_LIMIT');
    clock.advance(60_000);
    expect(lineAt(1)).toMatchObject({
      rejected: 1,
      rejectedBy: 'CLIENT_LIMIT=1',
      rejectedTotal: 5,
      endedBy: '',
      dropped: 0,
      droppedBy: '',
      droppedTotal: 6,
    });
    report.stop();
  });

  it('says what became of opened sessions and their messages', () => {
    const { clock, metrics, report, lineAt } = setUp();
    metrics.sessionsExpired = 7; // before the start
    tally(metrics.sessionsEnded, 'SESSION_EXPIRED');
    report.start();
    metrics.sessionsResumed += 5;
    metrics.sessionsReset += 1;
    metrics.sessionsExpired += 2;
    metrics.sessionsShed += 1;
    for (const code of ['SESSION_EXPIRED', 'OVERLOADED', 'SESSION_EXPIRED', 'SEQUENCE_GAP'] as const)
      tally(metrics.sessionsEnded, code);
    metrics.gapsSent += 3;
    metrics.budgetExceeded += 1;
    tally(metrics.messagesRefused, 'not-open');
    tally(metrics.messagesRefused, 'duplicate');
    tally(metrics.messagesRefused, 'duplicate');
    clock.advance(60_000);
    expect(lineAt(0)).toMatchObject({
      sessionsResumed: 5,
      sessionsReset: 1,
      sessionsLost: 3,
      sessionsLostBy: 'expired=2 shed=1',
      sessionsEnded: 4,
      sessionsEndedBy: 'OVERLOADED=1 SEQUENCE_GAP=1 SESSION_EXPIRED=2',
      gaps: 3,
      refused: 3,
      refusedBy: 'duplicate=2 not-open=1',
      budgetExceeded: 1,
    });
    metrics.sessionsEvicted += 1;
    clock.advance(60_000);
    expect(lineAt(1)).toMatchObject({
      sessionsLostBy: 'evicted=1',
      sessionsEndedBy: '',
      refused: 0,
      refusedBy: '',
    });
    report.stop();
  });

  it('says who was refused, and why, in one short text', () => {
    const { clock, metrics, report, lineAt } = setUp();
    tally(metrics.auth.attempts.static, 'UNAUTHENTICATED'); // before the start
    report.start();
    clock.advance(60_000);
    expect(lineAt(0)).toMatchObject({ authRefused: 0, authRefusedBy: '' });
    tally(metrics.auth.attempts.jwt, 'ok');
    tally(metrics.auth.attempts.jwt, 'TOKEN_EXPIRED');
    tally(metrics.auth.attempts.none, 'UNAUTHENTICATED');
    metrics.auth.attemptsSlowed += 40;
    tally(metrics.auth.denied, 'open');
    tally(metrics.auth.denied, 'open');
    clock.advance(60_000);
    expect(lineAt(1)).toMatchObject({
      authRefused: 44,
      authRefusedBy: 'jwt.TOKEN_EXPIRED=1 none.UNAUTHENTICATED=1 open.denied=2 slowed=40',
    });
    report.stop();
  });

  it('estimates processing times from what was observed since the last line alone', () => {
    const { clock, metrics, report, lineAt } = setUp();
    metrics.processing.observe(9_000, 1_000);
    report.start();
    metrics.processing.observe(0.75, 98);
    metrics.processing.observe(80, 2);
    clock.advance(60_000);
    const first = lineAt(0);
    expect(first['processMeanMs']).toBeCloseTo((0.75 * 98 + 160) / 100);
    expect(first['processP50Ms']).toBeGreaterThan(0.5);
    expect(first['processP50Ms']).toBeLessThanOrEqual(1);
    expect(first['processP99Ms']).toBeGreaterThan(50);
    expect(first['processP99Ms']).toBeLessThanOrEqual(100);
    clock.advance(60_000);
    expect(lineAt(1)).toMatchObject({ processMeanMs: 0, processP50Ms: 0, processP99Ms: 0 });
    report.stop();
  });

  it('shows levels, queues, the event loop and memory as they are', () => {
    const { clock, report, lineAt } = setUp();
    report.start();
    clock.advance(60_000);
    expect(lineAt(0)).toMatchObject({
      connections: 3,
      sessions: 4,
      sockets: 5,
      receiveQueue: 7,
      receiveQueueMax: 5,
      sendQueueBytes: 9_000,
      sendQueueMax: 60,
      inFlightBytes: 4_096,
      detached: 11,
      detachedBytes: 1_100,
      unacknowledged: 13,
      bufferedBytes: 16_000,
      loopMeanMs: 0.5,
      loopP99Ms: 7.25,
      loopMaxMs: 31.123,
      rssMiB: 150,
      heapMiB: 1,
      externalMiB: 0.5,
    });
    report.stop();
  });

  it('says which rate limits held back and refused since the last line, and what they hold', () => {
    let asked = 0;
    const limit = { allowed: 0, delayedMs: 0, keys: 1, maxKeys: 9, shared: 0 };
    const { clock, report, lineAt } = setUp(60_000, {
      ...SOURCES,
      rateLimits: () => [
        { limit: 'perClient', delayed: 10 + asked * 2, refused: 1, waiting: 3, ...limit },
        { limit: 'opens', delayed: 0, refused: 4 + asked, waiting: 1, ...limit },
      ],
    });
    report.start();
    asked = 5;
    clock.advance(60_000);
    report.stop();
    expect(lineAt(0)).toMatchObject({
      rateDelayed: 10,
      rateDelayedBy: 'perClient=10',
      rateRefused: 5,
      rateRefusedBy: 'opens=5',
      rateWaiting: 4,
    });
  });

  it('has the same keys in the same order whatever happened, and only numbers and texts', () => {
    const { clock, metrics, report, lines } = setUp();
    report.start();
    clock.advance(60_000);
    tally(metrics.connectionsRejected, 'CLIENT_LIMIT');
    metrics.processing.observe(3);
    clock.advance(60_000);
    report.stop(); // no time has passed since the last line: no division by it
    const [idle, busy, last] = lines.map((line) => Object.keys(line.fields));
    expect(busy).toEqual(idle);
    expect(last).toEqual(idle);
    for (const { fields } of lines) {
      for (const [key, value] of Object.entries(fields)) {
        expect(typeof value === 'string' || Number.isFinite(value), key).toBe(true);
      }
    }
  });

  it('is off at interval 0', () => {
    const { clock, report, lines, loop } = setUp(0);
    report.start();
    report.stop();
    expect(lines).toHaveLength(0);
    expect(loop.reads).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
