import { describe, expect, it } from 'vitest';
import { data, WindowedWorld } from '../../helpers/windowed-world.js';

describe('the ack of an opened session', () => {
  it('is still owed where nothing was taken that it could ride on: the window has shrunk meanwhile', () => {
    const world = new WindowedWorld();
    const { session } = world.opened({ windowMessages: 2 });
    void world.route.session.send({});
    void world.route.session.send({});
    expect(session.take([], 1, Infinity)).toBe(0);
    session.receive(data(1), 0);
    session.changeWindow({ messages: 1, bytes: 0 });
    expect(world.take(session)).toEqual([]);
    expect(session.owesAck).toBe(true);
    world.windowed.stop();
  });

  it('nor where what was taken has expired and what follows does not fit', () => {
    const world = new WindowedWorld();
    const { session } = world.opened({ windowBytes: 10 });
    void world.route.session.send({ data: new Uint8Array(5) });
    expect(world.take(session)).toHaveLength(1);
    void world.route.session.send({ data: new Uint8Array(3), ttlMs: 5 });
    void world.route.session.send({ data: new Uint8Array(8) });
    world.clock.advance(10);
    session.receive(data(1), 0);
    expect(world.take(session)).toEqual([]);
    expect(session.owesAck).toBe(true);
    world.windowed.stop();
  });
});

describe('the bytes that a session holds', () => {
  it('include the pieces of a payload that its route has not completed', () => {
    const world = new WindowedWorld();
    const { session } = world.opened();
    void world.route.session.send({ data: new Uint8Array(1_000), more: true });
    expect(session.heldBytes).toBeGreaterThanOrEqual(1_000);
    expect(world.account.bytes).toBe(session.heldBytes);
    world.windowed.stop();
    expect(world.account.bytes).toBe(0);
  });

  it('and not those of one that was refused, with whichever piece', () => {
    const world = new WindowedWorld({ limits: { waiting: { messages: 2, bytes: 1_000 } } });
    world.opened();
    for (const more of [true, false]) {
      void world.route.session.send({ data: new Uint8Array(600), more: true });
      expect(() => world.route.session.send({ data: new Uint8Array(600), more })).toThrow(
        'session.waitingSize = 1000 bytes',
      );
      expect(world.account.bytes).toBe(0);
      // The rest of it is refused as well.
      if (more) expect(() => world.route.session.send({})).toThrow();
    }
    world.windowed.stop();
  });
});
