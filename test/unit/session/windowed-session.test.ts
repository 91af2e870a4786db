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

describe('what the route sends to an opened session', () => {
  it('is taken at once while there is room, then waits, in order, until the client has made some', async () => {
    const world = new WindowedWorld({ limits: { waiting: { messages: 2, bytes: 1_000 } } });
    const { session } = world.opened({ windowMessages: 2 });
    const settled: number[] = [];
    const send = (n: number) => {
      const promise = world.route.session.send({ data: Uint8Array.of(n) });
      void promise?.then(() => settled.push(n));
      return promise;
    };
    for (const n of [1, 2]) expect(send(n)).toBeUndefined();
    expect(world.take(session)).toHaveLength(2);
    for (const n of [3, 4]) expect(send(n)).toBeUndefined();
    for (const n of [5, 6]) expect(send(n)).toBeInstanceOf(Promise);
    expect(session.waitingSends).toBe(2);
    session.acknowledge(1);
    await world.clock.settle();
    // The ack let nothing in: what waits goes out first.
    expect(settled).toEqual([]);
    expect(world.take(session).map(({ data: [n] }) => n)).toEqual([3]);
    await world.clock.settle();
    expect(settled).toEqual([5]);
    session.acknowledge(3);
    expect(world.take(session).map(({ data: [n] }) => n)).toEqual([4, 5]);
    await world.clock.settle();
    expect(settled).toEqual([5, 6]);
    expect([session.waitingSends, session.heldBytes]).toEqual([0, world.account.bytes]);
    world.windowed.stop();
  });

  it('waits whatever room there is while the gateway is above its budget', async () => {
    const world = new WindowedWorld({ budgetBytes: 1_000 });
    const { session } = world.opened();
    world.account.add(1_001);
    let taken = false;
    const promise = world.route.session.send({ data: Uint8Array.of(1) });
    void promise?.then(() => (taken = true));
    expect(promise).toBeInstanceOf(Promise);
    await world.clock.settle();
    expect([taken, session.waiting.messages]).toEqual([false, 0]);
    world.account.add(-1_001);
    world.windowed.relieve();
    await world.clock.settle();
    expect([taken, session.waiting.messages]).toEqual([true, 1]);
    world.windowed.stop();
  });

  it('is refused where sends do not wait for one another and as many wait as may', () => {
    const world = new WindowedWorld({ limits: { waiting: { messages: 3, bytes: 1_000 } } });
    world.opened();
    const { session } = world.route;
    for (let i = 0; i < 6; i += 1) void session.send({});
    expect(() => session.send({})).toThrow(
      expect.objectContaining({ code: 'OVERLOADED', message: expect.stringContaining('await each send') }),
    );
    expect(world.totals.down.admitted).toBe(3);
    world.windowed.stop();
  });

  it('and waits when the session ends is refused with what ended it', async () => {
    const world = new WindowedWorld({ limits: { waiting: { messages: 1, bytes: 1_000 } } });
    const { session } = world.opened();
    void world.route.session.send({});
    const waiting = world.route.session.send({});
    session.acknowledge(7);
    await expect(waiting).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(() => world.route.session.send({})).toThrow('ack 7 is above 0');
    expect(world.account.bytes).toBe(0);
    world.windowed.stop();
  });
});

describe('what the client sends in an opened session', () => {
  it('is acknowledged at half a window at once, else by and by', () => {
    const world = new WindowedWorld({ limits: { window: { messages: 8, bytes: 1 << 20 } } });
    const { session, link } = world.opened();
    for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
    expect(link.words).toEqual(['opened']);
    expect(link.acksAsked).toBe(3);
    session.receive(data(4), 0);
    expect(link.words).toEqual(['opened', 'ack 4']);
    expect(session.owesAck).toBe(false);
    world.windowed.stop();
  });

  it('goes to the route one at a time, and is acknowledged once that is done with it', async () => {
    const world = new WindowedWorld({ limits: { window: { messages: 4, bytes: 1 << 20 } } });
    world.route.holds = true;
    const { session, link } = world.opened();
    for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
    expect([world.route.handled.length, session.unhandled.messages]).toEqual([1, 3]);
    expect(link.words).toEqual(['opened']);
    world.route.release();
    await world.clock.settle();
    expect([world.route.handled.length, session.unhandled.messages]).toEqual([3, 0]);
    expect(link.words).toEqual(['opened', 'ack 3']);
    world.windowed.stop();
  });

  it('waits where its answer would find no room, and goes on when it does', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    link.answersBlocked = true;
    for (let n = 1; n <= 2; n += 1) session.receive(data(n), 0);
    expect([world.route.handled.length, session.unhandled.messages]).toEqual([0, 2]);
    link.answersBlocked = false;
    session.resumeHandling();
    expect([world.route.handled.length, session.unhandled.messages]).toEqual([2, 0]);
    world.windowed.stop();
  });

  it.each([
    ['a jump', [data(2)], 'SEQUENCE_GAP'],
    ['no sequence', [data(0)], 'INVALID_MESSAGE'],
    ['more messages than the window', [1, 2, 3, 4, 5].map((n) => data(n)), 'WINDOW_EXCEEDED'],
    ['more bytes than the window', [data(1), data(2, 2_000)], 'WINDOW_EXCEEDED'],
    ['a payload larger than one may be', [data(1, 300, true), data(2, 300, true)], 'MESSAGE_TOO_LARGE'],
  ])('ends it: %s', (_what, messages, code) => {
    const world = new WindowedWorld({
      limits: { window: { messages: 4, bytes: 1_000 }, maxPayloadBytes: 500 },
    });
    world.route.holds = true;
    const { session, link } = world.opened();
    for (const message of messages) session.receive(message, 0);
    expect(link.words.at(-1)).toBe(`closed ${code}`);
    expect([world.windowed.size, world.account.bytes, world.totals.up.pending]).toEqual([0, 0, 0]);
    world.windowed.stop();
  });

  it('is counted and answered with the current ack where it came twice, once for many', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    session.receive(data(1), 0);
    session.writeAck();
    for (let i = 0; i < 5; i += 1) session.receive(data(1), 0);
    expect(world.counters.messagesRefused.get('duplicate')).toBe(5);
    expect([world.route.handled.length, session.owesAck]).toEqual([1, true]);
    session.writeAck();
    expect(session.owesAck).toBe(false);
    expect(link.words).toEqual(['opened', 'ack 1', 'ack 1']);
    world.windowed.stop();
  });

  it('may not end within a payload', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    session.receive(data(1, 10, true), 0);
    session.close();
    expect(link.words.at(-1)).toBe('closed INVALID_MESSAGE');
    world.windowed.stop();
  });

  it('is refused when its route has ended it; what was not handled stays above the final ack', async () => {
    const world = new WindowedWorld();
    world.route.holds = true;
    const { session, link } = world.opened();
    for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
    void world.route.session.send({ data: Uint8Array.of(1) });
    world.route.session.end('enough');
    expect([session.state, session.unhandled.messages]).toEqual(['finishing', 0]);
    session.receive(data(4), 0);
    expect(world.counters.messagesRefused.get('not-open')).toBe(1);
    expect(world.take(session)).toHaveLength(1);
    session.acknowledge(1);
    expect(link.last('closed')).toMatchObject({ code: '', reason: 'enough' });
    expect(link.written.at(-1)?.ack).toBe(0);
    expect(world.totals.up.droppedBy['session-closed']).toBe(3);
    world.route.release();
    await world.clock.settle();
    expect(world.route.handled).toHaveLength(1);
    world.windowed.stop();
  });
});
