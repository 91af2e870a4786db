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
