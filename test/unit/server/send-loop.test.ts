import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { Throttle } from '../../../src/flow/throttle.js';
import { SendLane } from '../../../src/pool/send-lane.js';
import { SendLoop } from '../../../src/server/send-loop.js';
import { StallWatch } from '../../../src/server/stall-watch.js';
import { Turn } from '../../../src/core/turn.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { controlMessage, dataMessage } from '../../../src/wire/messages.js';
import { fakeConnection, settings } from '../../helpers/fake-stream.js';

function setUp(rates?: { messagesPerSecond: number; bytesPerSecond: number }) {
  const clock = new FakeClock();
  const { connection, stream } = fakeConnection(rates && new Throttle(rates, clock.now()));
  const lane = new SendLane(connection.sendQueue, new FlowCounters(), () => undefined);
  const slow: number[] = [];
  const faults: unknown[] = [];
  const counters = { messagesSent: 0, bytesSent: 0, throttledMs: 0, throttledTimes: 0 };
  const loop = new SendLoop(
    { clock, turn: new Turn(clock), stalls: new StallWatch(clock, settings.sendTimeoutMs) },
    connection,
    settings,
    {
      onSlow: (stalledMs) => slow.push(stalledMs),
      onSent: () => undefined,
      onFault: (error) => faults.push(error),
    },
    counters,
  );
  const queue = (count: number): void => {
    for (let n = 1; n <= count; n += 1) {
      void connection.sendQueue.push(lane, dataMessage({ sequence: n, data: new Uint8Array(10) }));
    }
    loop.wake();
  };
  /** The network takes everything. */
  const take = (): void => {
    stream.bytesInFlight = 0;
    loop.written();
    clock.runImmediates();
  };
  return { clock, connection, stream, loop, slow, faults, counters, queue, take };
}

describe('SendLoop', () => {
  it('writes once a turn, control ahead of data', () => {
    const { clock, connection, stream, queue, loop } = setUp();
    queue(3);
    connection.sendQueue.pushControl(controlMessage({ action: 'resume' }));
    loop.wake();
    expect(stream.writes).toEqual([]);
    clock.runImmediates();
    expect(stream.writes).toHaveLength(1);
    expect(stream.sent.map((message) => message.control?.action ?? message.sequence)).toEqual([
      'resume',
      1,
      2,
      3,
    ]);
    loop.stop();
  });

  it('hands over no more than the network may hold, and goes on when it has taken some', () => {
    const { clock, stream, queue, take, loop, connection } = setUp();
    queue(200);
    clock.runImmediates();
    const first = stream.sent.length;
    // 1,000 bytes of weight at 10 a message; the fake network counts 100 a message.
    expect(first).toBe(100);
    expect(connection.sendQueue.quota.messages).toBe(100);
    clock.runImmediates();
    expect(stream.sent).toHaveLength(first);
    take();
    expect(stream.sent).toHaveLength(200);
    expect(stream.sent.map((message) => message.sequence)).toEqual(
      Array.from({ length: 200 }, (_, n) => n + 1),
    );
    loop.stop();
    expect(clock.activeTimers).toBe(0);
  });

  it('reports a peer that takes nothing for the send timeout, once', () => {
    const { clock, queue, slow, loop } = setUp();
    queue(1);
    clock.runImmediates();
    clock.advance(14_999);
    expect(slow).toEqual([]);
    clock.advance(1);
    expect(slow).toEqual([15_000]);
    clock.advance(60_000);
    expect(slow).toHaveLength(1);
    loop.stop();
  });

  it('a peer that takes a little in time is not slow; the clock begins anew at each progress', () => {
    const { clock, queue, slow, stream, loop } = setUp();
    queue(5);
    clock.runImmediates();
    for (let n = 0; n < 4; n += 1) {
      clock.advance(14_000);
      stream.bytesInFlight -= 100;
      loop.written();
    }
    expect(slow).toEqual([]);
    clock.advance(15_000);
    expect(slow).toHaveLength(1);
    loop.stop();
  });

  it('an idle time between two writes is no stall', () => {
    const { clock, queue, slow, take, loop } = setUp();
    queue(1);
    clock.runImmediates();
    take();
    clock.advance(14_000);
    queue(1);
    clock.runImmediates();
    clock.advance(10_000);
    expect(slow).toEqual([]);
    take();
    clock.advance(100_000);
    expect(slow).toEqual([]);
    expect(clock.activeTimers).toBe(0);
    loop.stop();
  });

  it('holds data to the rate, waits at most flowControlDelay a time, and counts the time', () => {
    const { clock, stream, queue, counters, connection, loop } = setUp({
      messagesPerSecond: 10,
      bytesPerSecond: 0,
    });
    queue(25);
    clock.runImmediates();
    expect(stream.sent).toHaveLength(10);
    expect(connection.throttled).toBe(true);
    expect(clock.nextTimerInMs).toBeLessThanOrEqual(100);
    const tick = (): void => {
      stream.bytesInFlight = 0;
      loop.written();
      clock.advance(100);
      clock.runImmediates();
    };
    for (let n = 0; n < 10; n += 1) tick();
    expect(stream.sent.length).toBeGreaterThanOrEqual(19);
    expect(stream.sent.length).toBeLessThanOrEqual(20);
    for (let n = 0; n < 10; n += 1) tick();
    expect(stream.sent.map((message) => message.sequence)).toEqual(
      Array.from({ length: 25 }, (_, n) => n + 1),
    );
    expect(counters.throttledMs).toBeGreaterThanOrEqual(1_400);
    expect(counters.throttledMs).toBe(connection.throttledMs);
    expect(connection.throttled).toBe(false);
    loop.stop();
    expect(clock.activeTimers).toBe(0);
  });

  it('counts as throttled only the time in which the throttle, not the client or the network, held data', () => {
    const { clock, stream, queue, connection, loop, counters } = setUp({
      messagesPerSecond: 10,
      bytesPerSecond: 0,
    });
    queue(12);
    clock.runImmediates();
    connection.sendQueue.pauseAll();
    clock.advance(3_600_000);
    expect(connection.throttled).toBe(false);
    connection.sendQueue.resumeAll();
    stream.bytesInFlight = settings.sendBufferBytes;
    loop.wake();
    clock.advance(10_000);
    stream.bytesInFlight = 0;
    loop.written();
    clock.runImmediates();
    expect(stream.sent).toHaveLength(12);
    expect(counters.throttledMs).toBeLessThanOrEqual(100);
    loop.stop();
    expect(counters.throttledMs).toBeLessThanOrEqual(100);
    expect(counters.throttledTimes).toBe(1);
  });

  it('lets control pass a throttle that holds data', () => {
    const { clock, stream, queue, connection, loop } = setUp({ messagesPerSecond: 1, bytesPerSecond: 0 });
    queue(5);
    clock.runImmediates();
    expect(stream.sent).toHaveLength(1);
    connection.sendQueue.pushControl(controlMessage({ action: 'resume' }));
    loop.wake();
    clock.runImmediates();
    expect(stream.sent.map((message) => message.control?.action)).toEqual([undefined, 'resume']);
    loop.stop();
  });

  it('a fault while writing is reported and stops nobody else of the turn', () => {
    const { clock, stream, queue, faults, loop } = setUp();
    const fault = new Error('disk on fire');
    stream.send = () => {
      throw fault;
    };
    queue(1);
    clock.runImmediates();
    expect(faults).toEqual([fault]);
    loop.stop();
  });

  it('finishes with the control that waits and nothing else', () => {
    const { clock, stream, queue, connection, loop, counters } = setUp();
    queue(3);
    connection.sendQueue.pushControl(controlMessage({ action: 'resume' }));
    loop.finish();
    loop.finish();
    clock.runImmediates();
    expect(stream.sent.map((message) => message.control?.action)).toEqual(['resume']);
    expect(counters).toMatchObject({ messagesSent: 1, bytesSent: 100 });
    expect(connection.messagesSent).toBe(1);
  });

  it('writes nothing after stop and leaves no timer', () => {
    const { clock, stream, queue, loop } = setUp({ messagesPerSecond: 1, bytesPerSecond: 0 });
    queue(5);
    clock.runImmediates();
    loop.stop();
    loop.wake();
    clock.advance(60_000);
    clock.runImmediates();
    expect(stream.sent).toHaveLength(1);
    expect(clock.activeTimers).toBe(0);
  });
});
