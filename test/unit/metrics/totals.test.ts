import { describe, expect, it } from 'vitest';
import { tally } from '../../../src/core/counters.js';
import { StreamMetrics } from '../../../src/metrics/stream-metrics.js';
import { totalsOf } from '../../../src/metrics/totals.js';
import { QUEUES, SOURCES, WINDOWED } from './fixtures.js';

describe('totalsOf', () => {
  it('shows every counter as plain JSON', () => {
    const metrics = new StreamMetrics();
    const marks: number[] = [];
    for (const [field, value] of Object.entries(metrics)) {
      if (typeof value !== 'number') continue;
      marks.push(10_000 + marks.length);
      (metrics as unknown as Record<string, number>)[field] = marks.at(-1) ?? 0;
    }
    const text = JSON.stringify(totalsOf(metrics, SOURCES));
    for (const mark of marks) expect(text).toContain(String(mark));
  });

  it('keeps the accounting identity, tallies and levels', () => {
    const metrics = new StreamMetrics();
    tally(metrics.connectionsRejected, 'CLIENT_LIMIT');
    tally(metrics.messagesRefused, 'not-open');
    tally(metrics.sessionsEnded, 'SEQUENCE_GAP');
    tally(metrics.pushes.ended, 'OK');
    tally(metrics.pushes.sessions, 'SLOW_CONSUMER');
    metrics.down.admitted = 9;
    metrics.down.delivered = 4;
    metrics.down.droppedBy.drained = 2;
    const totals = totalsOf(metrics, SOURCES);
    expect(totals.connections).toMatchObject({ active: 3, rejected: { CLIENT_LIMIT: 1 } });
    expect(totals.flow.down).toMatchObject({ admitted: 9, delivered: 4, dropped: 2, pending: 3 });
    expect(totals.queues).toEqual(QUEUES);
    expect(totals.sessions).toMatchObject({ active: 4, windowed: WINDOWED, endedBy: { SEQUENCE_GAP: 1 } });
    expect(totals.pushes).toEqual({ underWay: 83, ended: { OK: 1 }, sessions: { SLOW_CONSUMER: 1 } });
    expect(totals.rateLimits).toMatchObject([{ limit: 'perClient', refused: 3 }]);
    expect(totals.messages.refused).toEqual({ 'not-open': 1 });
    expect(totals.bytes).toMatchObject({ buffered: 16_000, budget: 17_000 });
  });
});
