import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { Leaving } from '../../../src/server/leaving.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { fakeConnection, settings } from '../../helpers/fake-stream.js';

const DRAINING = new SluiceError('DRAINING', 'leaving');

function setUp(overrides: Partial<typeof settings> = {}) {
  const clock = new FakeClock();
  const { connection, stream } = fakeConnection();
  const told: DataMessage[] = [];
  const ends: SluiceError[] = [];
  const leaving = new Leaving(
    clock,
    connection,
    { ...settings, ...overrides },
    {
      oweSomething: false,
      notify: (message) => told.push(message),
      end: (error) => ends.push(error),
    },
  );
  leaving.start();
  return { clock, connection, stream, leaving, told, ends };
}

describe('Leaving', () => {
  it('tells the client, and ends the connection when it is quiet', () => {
    const { clock, connection, leaving, told, ends } = setUp();
    clock.advance(5_000);
    connection.lastActivity = clock.now();
    leaving.begin(30_000, 'gateway: leaving', DRAINING);
    expect(told[0]?.control).toEqual({ action: 'drain', deadlineMs: 30_000, reason: 'gateway: leaving' });
    expect(connection.state).toEqual({ kind: 'draining', deadline: clock.now() + 30_000 });
    clock.advance(999);
    expect(ends).toEqual([]);
    clock.advance(1);
    expect(ends).toEqual([DRAINING]);
    expect(clock.activeTimers).toBe(0);
  });

  it('told several times to leave, it remembers the soonest deadline', () => {
    const { clock, connection, leaving, told, ends, stream } = setUp();
    stream.bytesInFlight = 1;
    for (const graceMs of [30_000, 5_000, 20_000]) leaving.begin(graceMs, 'gateway: leaving', DRAINING);
    expect(told.map(({ control }) => control)).toMatchObject([
      { deadlineMs: 30_000 },
      { deadlineMs: 5_000 },
      { deadlineMs: 5_000 },
    ]);
    expect(connection.state).toEqual({ kind: 'draining', deadline: clock.now() + 5_000 });
    clock.advance(5_000);
    expect(ends).toEqual([DRAINING]);
    expect(clock.activeTimers).toBe(0);
  });

  it('waits while something is owed or still coming, at most until the deadline', () => {
    const { clock, connection, leaving, ends, stream } = setUp();
    leaving.begin(10_000, 'gateway: leaving', DRAINING);
    connection.receiveQuota.take(10);
    clock.advance(3_000);
    connection.receiveQuota.give(10);
    stream.bytesInFlight = 1;
    clock.advance(3_000);
    stream.bytesInFlight = 0;
    connection.lastActivity = clock.now() + 900;
    clock.advance(1_000);
    expect(ends).toEqual([]);
    stream.bytesInFlight = 1;
    clock.advance(2_999);
    expect(ends).toEqual([]);
    clock.advance(1);
    expect(ends).toEqual([DRAINING]);
  });

  it('asked again, keeps the sooner deadline', () => {
    const { clock, connection, leaving, ends, told, stream } = setUp();
    stream.bytesInFlight = 1;
    leaving.begin(5_000, 'connection: age', new SluiceError('STREAM_LIMIT', 'old'));
    leaving.begin(30_000, 'gateway: leaving', DRAINING);
    expect(told.map((message) => message.control)).toMatchObject([
      { deadlineMs: 5_000 },
      { deadlineMs: 5_000 },
    ]);
    clock.advance(5_000);
    expect(ends).toEqual([DRAINING]);
    expect(connection.state.kind).toBe('draining');
    expect(clock.activeTimers).toBe(0);
  });

  it('leaves at the age limit, jitter and all', () => {
    const { clock, told, ends } = setUp({ maxStreamAgeMs: 60_000, ageJitter: 0.5 });
    clock.advance(29_999);
    expect(told).toEqual([]);
    clock.advance(30_001);
    expect(told[0]?.control).toMatchObject({ action: 'drain', reason: 'connection: age' });
    clock.advance(30_000);
    expect(ends[0]).toMatchObject({ code: 'STREAM_LIMIT' });
    expect(ends[0]?.message).toContain('server.maxStreamAge = 60000 ms');
  });

  it.each([
    [{ maxStreamMessages: 10 }, 'connection: messages', 'server.maxStreamMessages = 10'],
    [{ maxStreamBytes: 1_000 }, 'connection: bytes', 'server.maxStreamBytes = 1000'],
  ])('leaves at the limit of what a stream may carry: %j', (limits, reason, named) => {
    const { clock, connection, stream, leaving, told, ends } = setUp(limits);
    connection.messagesReceived = 5;
    connection.messagesSent = 4;
    stream.bytesReceived = 999;
    leaving.checkLimits();
    expect(told).toEqual([]);
    connection.messagesSent = 5;
    stream.bytesSent = 1;
    leaving.checkLimits();
    leaving.checkLimits();
    expect(told.map((message) => message.control)).toMatchObject([{ reason }]);
    clock.advance(30_000);
    expect(ends[0]?.message).toContain(named);
  });

  it('has no timer without limits, and none after stop', () => {
    const { clock, leaving } = setUp();
    expect(clock.activeTimers).toBe(0);
    leaving.begin(1_000, 'gateway: leaving', DRAINING);
    leaving.stop();
    expect(clock.activeTimers).toBe(0);
  });
});
