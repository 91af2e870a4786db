import { describe, expect, it } from 'vitest';
import type { SluiceError } from '../../../src/core/errors.js';
import { Liveness } from '../../../src/server/liveness.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { fakeConnection, settings } from '../../helpers/fake-stream.js';

function setUp(overrides: Partial<typeof settings> = {}) {
  const clock = new FakeClock();
  const { connection } = fakeConnection();
  const silences: SluiceError[] = [];
  let heartbeats = 0;
  const liveness = new Liveness(
    clock,
    connection,
    { ...settings, ...overrides },
    {
      heartbeatDue: () => {
        heartbeats += 1;
      },
      silent: (error) => silences.push(error),
    },
  );
  liveness.start();
  const hear = (): void => {
    connection.messagesReceived += 1;
    connection.lastActivity = clock.now();
  };
  return { clock, connection, liveness, silences, hear, heartbeats: () => heartbeats };
}

describe('Liveness', () => {
  it('wants a first message in time, naming the setting', () => {
    const { clock, silences } = setUp();
    clock.advance(9_999);
    expect(silences).toEqual([]);
    clock.advance(1);
    expect(silences[0]).toMatchObject({ code: 'RECEIVE_TIMEOUT' });
    expect(silences[0]?.message).toContain('stream.firstMessageTimeout');
  });

  it('leaves a client alone that has sent something and promised nothing', () => {
    const { clock, silences, hear } = setUp();
    hear();
    clock.advance(600_000);
    expect(silences).toEqual([]);
  });

  it('holds a client that promised to be heard from to the receive timeout', () => {
    const { clock, silences, hear, liveness } = setUp();
    hear();
    liveness.promised();
    for (let n = 0; n < 10; n += 1) {
      clock.advance(24_000);
      hear();
      liveness.promised();
    }
    expect(silences).toEqual([]);
    clock.advance(25_000);
    expect(silences[0]?.message).toContain('stream.receiveTimeout = 25000 ms');
  });

  it('stands still while the gateway does not read, and after a half-close', () => {
    const { clock, silences, hear, liveness, connection } = setUp();
    hear();
    liveness.promised();
    connection.readingStopped = true;
    clock.advance(100_000);
    expect(silences).toEqual([]);
    connection.readingStopped = false;
    connection.lastActivity = clock.now();
    clock.advance(20_000);
    expect(silences).toEqual([]);
    connection.halfClosed = true;
    clock.advance(100_000);
    expect(silences).toEqual([]);
  });

  it('looks in time where the promise is all that it waits for', () => {
    const { clock, silences, hear, liveness } = setUp({ firstMessageTimeoutMs: 0, heartbeatIntervalMs: 0 });
    hear();
    liveness.promised();
    clock.advance(25_000);
    expect(silences).toHaveLength(1);
    expect(clock.activeTimers).toBe(0);
  });

  it('asks for a heartbeat each interval', () => {
    const { clock, heartbeats, liveness } = setUp();
    clock.advance(60_000);
    expect(heartbeats()).toBe(3);
    liveness.stop();
    clock.advance(60_000);
    expect(heartbeats()).toBe(3);
    expect(clock.activeTimers).toBe(0);
  });

  it('0 turns each clock off', () => {
    const { clock, liveness, silences, heartbeats, hear } = setUp({
      firstMessageTimeoutMs: 0,
      receiveTimeoutMs: 0,
      heartbeatIntervalMs: 0,
    });
    expect(clock.activeTimers).toBe(0);
    hear();
    liveness.promised();
    clock.advance(600_000);
    expect(silences).toEqual([]);
    expect(heartbeats()).toBe(0);
  });
});
